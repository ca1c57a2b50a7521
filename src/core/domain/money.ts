import { z } from "zod";

/** An amount of money in the currency's minor units: `{ amount: 20000, currency: "CNY" }` is 200.00 yuan. */
export interface Money {
  /** Minor units (fen, cents). An integer; never a fraction of one. */
  readonly amount: number;
  /** ISO 4217 code, such as `CNY`. */
  readonly currency: string;
}

const MOST = 1e12;

/** Also a difference. */
export const moneySchema = z.object({
  amount: z.int().min(-MOST).max(MOST),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

/** A price, or money that moved: not less than nothing. */
export const amountSchema = moneySchema.extend({ amount: z.int().min(0).max(MOST) });

export const zeroMoney = (currency: string): Money => ({ amount: 0, currency });

/** Adds amounts of one currency. @throws RangeError when the currencies differ. */
export function sumMoney(currency: string, amounts: readonly Money[]): Money {
  return amounts.reduce((total, money) => addMoney(total, money), zeroMoney(currency));
}

export function sameMoney(left: Money, right: Money): boolean {
  return left.amount === right.amount && left.currency === right.currency;
}

export function addMoney(left: Money, right: Money): Money {
  if (left.currency !== right.currency) {
    throw new RangeError(`cannot add ${right.currency} to ${left.currency}`);
  }
  return { amount: left.amount + right.amount, currency: left.currency };
}

export function subtractMoney(left: Money, right: Money): Money {
  return addMoney(left, { amount: -right.amount, currency: right.currency });
}

/** `200.00 CNY`: for a terminal and for messages. The number of decimals is the currency's own (ISO 4217). */
export function formatMoney(money: Money): string {
  const digits =
    new Intl.NumberFormat("en", { style: "currency", currency: money.currency }).resolvedOptions()
      .maximumFractionDigits ?? 2;
  return `${(money.amount / 10 ** digits).toFixed(digits)} ${money.currency}`;
}
