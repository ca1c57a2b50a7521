/** How grave a finding is. `error`: a renewal cannot go on. `warning`: it may fail, or soon will. `info`: good to know. */
export type Severity = "error" | "warning" | "info";

interface Row {
  readonly severity: Severity;
  /** What was found, and what to do. `{name}` is a detail of the finding. */
  readonly en: string;
  readonly zh: string;
}

/** Everything that `diagnose` may find. Codes are never renamed. */
export const FINDINGS = {
  "native-unavailable": {
    severity: "error",
    en: "The native binding pkcs11js cannot be loaded: {reason}. Install it for this version of Node and this processor: `npm install pkcs11js graphene-pk11` needs a C++ compiler and Python.",
    zh: "无法加载本机组件 pkcs11js:{reason}。请为当前 Node 版本和处理器安装:npm install pkcs11js graphene-pk11(需要 C++ 编译器和 Python)。",
  },
  "host-unavailable": {
    severity: "error",
    en: "The process in which drivers run cannot be started: {reason}. Set hostPath to dist/drivers/pkcs11/host.js of the package, and execPath to an executable that runs Node.",
    zh: "无法启动运行驱动的进程:{reason}。请将 hostPath 设为软件包内的 dist/drivers/pkcs11/host.js,并将 execPath 设为可运行 Node 的程序。",
  },
  "no-module": {
    severity: "error",
    en: "No PKCS#11 driver was found on this computer. Install the driver that came with the Key, or name its library.",
    zh: "本机未找到 PKCS#11 驱动。请安装 Key 附带的驱动程序,或指定其动态库的路径。",
  },
  "module-missing": {
    severity: "error",
    en: "There is no file {module}. Check the path, or install the Key's driver again.",
    zh: "文件 {module} 不存在。请检查路径,或重新安装 Key 的驱动程序。",
  },
  "module-unreadable": {
    severity: "error",
    en: "The file {module} cannot be read. Give this user the right to read it, or install the Key's driver again as an administrator.",
    zh: "无法读取文件 {module}。请为当前用户授予读取权限,或以管理员身份重新安装 Key 的驱动程序。",
  },
  "module-no-library": {
    severity: "error",
    en: "{module} is no library of this system. Name the driver's PKCS#11 library itself, and install the driver again if the file is damaged.",
    zh: "{module} 不是本系统的动态库。请指定驱动的 PKCS#11 动态库文件;如文件已损坏,请重新安装驱动程序。",
  },
  "module-architecture": {
    severity: "error",
    en: "{module} is built for {built}, and this program is {program}. Install the driver for {program}, or run this program in the driver's architecture.",
    zh: "{module} 适用于 {built},而本程序为 {program}。请安装 {program} 版本的驱动程序,或改用与驱动架构一致的程序版本。",
  },
  "module-unloadable": {
    severity: "error",
    en: "{module} cannot be used: {reason}. Name the driver's PKCS#11 library (an SKF library is none), check that its service is running, or install the driver again.",
    zh: "{module} 无法使用:{reason}。请指定驱动的 PKCS#11 动态库(SKF 库不能使用),确认驱动服务正在运行,或重新安装驱动程序。",
  },
  "module-crashed": {
    severity: "error",
    en: "{module} crashed in {during}: {reason}. Unplug the Key and plug it in again; if it happens again, install the newest driver and tell its vendor.",
    zh: "{module} 在 {during} 时崩溃:{reason}。请重新插拔 Key;如再次出现,请安装最新驱动程序并告知厂商。",
  },
  "module-hung": {
    severity: "error",
    en: "{module} did not answer in {during}. Close other programs that use the Key, unplug it and plug it in again; if it happens again, install the newest driver.",
    zh: "{module} 在 {during} 时无响应。请关闭其他正在使用 Key 的程序,并重新插拔 Key;如再次出现,请安装最新驱动程序。",
  },
  "not-tried": {
    severity: "warning",
    en: "{module} was not tried: the time was over. Name this module alone and diagnose again.",
    zh: "{module} 未检测:已超时。请单独指定该驱动后重新诊断。",
  },
  "no-slot": {
    severity: "warning",
    en: "{module} sees no reader and no Key. Plug the Key in, try another port without a hub, and check that the smart card service is running.",
    zh: "{module} 未检测到读卡器或 Key。请插入 Key,更换接口(不要使用集线器),并确认智能卡服务正在运行。",
  },
  "no-token": {
    severity: "error",
    en: "No Key was found. Plug in the Key that holds the certificate; if it is plugged in, its own vendor's driver is needed.",
    zh: "未检测到 Key。请插入存有证书的 Key;如已插入,请安装该 Key 厂商的驱动程序。",
  },
  "several-tokens": {
    severity: "warning",
    en: "{count} Keys are plugged in: {tokens}. Leave only the Key with the certificate that is to be renewed.",
    zh: "同时插入了 {count} 个 Key:{tokens}。请只保留存有待续期证书的 Key。",
  },
  "token-uninitialised": {
    severity: "info",
    en: "{slot} has a token that was never initialised. A new Key is initialised by its issuer; the empty slot of SoftHSM is nothing to mind.",
    zh: "{slot} 中的 Key 尚未初始化。新 Key 由发证机构初始化;SoftHSM 的空槽位无需处理。",
  },
  "token-unreadable": {
    severity: "error",
    en: "{slot} has a Key that {module} cannot read ({reason}). Unplug it and plug it in again; if it stays so, it needs another driver.",
    zh: "{module} 无法读取 {slot} 中的 Key({reason})。请重新插拔;如仍无法读取,请更换为该 Key 的驱动程序。",
  },
  "objects-failed": {
    severity: "error",
    en: "The certificates of the Key {token} cannot be read: {reason}. Close other programs that use it, unplug it and plug it in again.",
    zh: "无法读取 Key“{token}”中的证书:{reason}。请关闭其他正在使用它的程序,并重新插拔。",
  },
  "pin-low": {
    severity: "warning",
    en: "A wrong PIN was given to the Key {token}. Make sure of the PIN before the next try.",
    zh: "Key“{token}”曾输入错误的密码。请确认密码后再输入。",
  },
  "pin-final": {
    severity: "warning",
    en: "One more wrong PIN locks the Key {token}. Do not guess: ask the issuer if the PIN is not certain.",
    zh: "Key“{token}”再输错一次密码将被锁定。请勿猜测;如不确定密码,请联系发证机构。",
  },
  "pin-locked": {
    severity: "error",
    en: "The PIN of the Key {token} is locked. Have it unlocked by its issuer, with the administrator's PIN or at the counter.",
    zh: "Key“{token}”的密码已被锁定。请由发证机构解锁(管理员密码或营业厅)。",
  },
  "pin-not-set": {
    severity: "error",
    en: "The Key {token} has no user PIN yet. Have it set by its issuer.",
    zh: "Key“{token}”尚未设置用户密码。请由发证机构设置。",
  },
  "pin-at-reader": {
    severity: "info",
    en: "The PIN of the Key {token} is typed at the reader.",
    zh: "Key“{token}”的密码需在读卡器上输入。",
  },
  "token-write-protected": {
    severity: "error",
    en: "The Key {token} is write-protected: a new certificate cannot be installed. Ask its issuer.",
    zh: "Key“{token}”处于写保护状态,无法安装新证书。请联系发证机构。",
  },
  "memory-low": {
    severity: "warning",
    en: "The Key {token} has {freeBytes} bytes left, and a new key with its certificate needs about {neededBytes}. Make room without removing keys that still decrypt, or ask for a new Key.",
    zh: "Key“{token}”剩余空间 {freeBytes} 字节,新密钥及证书约需 {neededBytes} 字节。请在不删除仍需用于解密的密钥的前提下清理空间,或申请新的 Key。",
  },
  "no-certificate": {
    severity: "error",
    en: "The Key {token} shows no certificate. Check that it is the right Key, and that its own vendor's driver is used.",
    zh: "Key“{token}”中未发现证书。请确认插入的是正确的 Key,并使用该 Key 厂商的驱动程序。",
  },
  "certificate-expired": {
    severity: "warning",
    en: "The certificate {certificate} expired on {date}. It cannot be renewed online: go to the counter or call the hotline.",
    zh: "证书“{certificate}”已于 {date} 过期,不能在线续期。请到营业厅办理或致电客服。",
  },
  "certificate-expiring": {
    severity: "info",
    en: "The certificate {certificate} expires on {date}. Renew it before that day.",
    zh: "证书“{certificate}”将于 {date} 到期。请在此之前续期。",
  },
  "certificate-not-yet-valid": {
    severity: "info",
    en: "The certificate {certificate} is valid from {date} on. If that day has come, set this computer's clock right.",
    zh: "证书“{certificate}”自 {date} 起生效。如该日期已到,请校准本机时间。",
  },
  "certificate-unsupported": {
    severity: "warning",
    en: "The key of the certificate {certificate} is of a kind that cannot be renewed here, such as SM2. Renew it with the CA's own program or at the counter.",
    zh: "证书“{certificate}”的密钥类型(如 SM2)不支持在此续期。请使用 CA 自己的客户端或到营业厅办理。",
  },
  "private-key-absent": {
    severity: "warning",
    en: "The private key of the certificate {certificate} is not on the Key {token}. Insert the Key on which it was made; delete nothing.",
    zh: "Key“{token}”中没有证书“{certificate}”的私钥。请插入生成该密钥的 Key;请勿删除任何内容。",
  },
  "orphan-certificate": {
    severity: "info",
    en: "No key shows under the CKA_ID of the certificate {certificate}. Its private key may show after the PIN; nothing has to be done before.",
    zh: "未发现与证书“{certificate}”的 CKA_ID 对应的密钥。私钥可能在输入密码后才可见,目前无需处理。",
  },
  "private-keys-hidden": {
    severity: "info",
    en: "Whether the Key {token} has the private keys of its certificates shows only after the PIN, which is not asked for here.",
    zh: "Key“{token}”中是否存有证书的私钥,需输入密码后才能确认;诊断不会询问密码。",
  },
  "orphan-public-key": {
    severity: "info",
    en: "The Key {token} has {count} public keys without a certificate. They may belong to a renewal under way: finish it before anything is removed.",
    zh: "Key“{token}”中有 {count} 个没有证书的公钥,可能属于进行中的续期。请先完成续期,再考虑清理。",
  },
  "unreadable-objects": {
    severity: "warning",
    en: "{count} objects on the Key {token} cannot be read. The others are not affected; have the Key checked by its vendor if a certificate is missing.",
    zh: "Key“{token}”中有 {count} 个对象无法读取,不影响其他对象。如缺少证书,请由 Key 厂商检查。",
  },
  ready: {
    severity: "info",
    en: "Driver, Key and certificate are in order: the renewal can begin.",
    zh: "驱动、Key 与证书均正常,可以开始续期。",
  },
} as const satisfies Readonly<Record<string, Row>>;

/** What a finding is, for programs. */
export type FindingCode = keyof typeof FINDINGS;
