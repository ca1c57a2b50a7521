import type { Catalogue } from "./en.js";

export const zhCN: Catalogue = {
  errors: {
    ERR_TOKEN_NOT_PRESENT: {
      what: "未检测到 Key“{token}”。",
      next: "请插入存有该证书的 Key,然后重试。",
    },
    ERR_TOKEN_WRONG: {
      what: "插入的不是同一个 Key:需要“{token}”,检测到“{found}”。",
      next: "请只插入存有该证书的 Key。",
    },
    ERR_TOKEN_REMOVED: {
      what: "使用过程中 Key“{token}”被拔出。",
      next: "请重新插入同一个 Key(任意接口均可),然后继续本次续期。",
    },
    ERR_TOKEN_FULL: {
      what: "Key 的空间不足,无法存放新的密钥对和证书。",
      next: "请在不删除仍需用于解密的密钥的前提下清理空间,或向受理机构申请新的 Key。",
    },
    ERR_TOKEN_FAILURE: {
      what: "Key 拒绝了操作。",
      next: "请重试。如仍失败,请将详情中的 PKCS#11 返回值提供给 Key 厂商。",
    },
    ERR_KEY_NOT_FOUND: {
      what: "Key 中没有该证书对应的私钥。",
      next: "请插入生成该密钥的 Key;没有私钥无法在线续期。若丢失的是办理中续期的新密钥,可调用 requestReissue() 重新申请签发。请勿删除任何内容;如确实找不到密钥,请联系受理机构。",
    },
    ERR_ALGORITHM_UNSUPPORTED: {
      what: "Key 或受理机构不支持算法 {algorithm}。",
      next: "请选择 Key 与续期方案都支持的算法。",
    },
    ERR_DECRYPTION_FAILED: {
      what: "Key 上的密钥无法解密所给的内容。",
      next: "请确认该内容是用此密钥加密的,并且完整无损。",
    },
    ERR_CERTIFICATE_EXPIRED: {
      what: "证书已于 {notAfter} 过期,不能在线续期。",
      next: "请携带资料到营业厅办理,或致电客服。此前已提交的申请仍可查询进度并安装证书。",
    },
    ERR_CERTIFICATE_INELIGIBLE: {
      what: "该证书不能续期。",
      next: "请选择其他证书,或到营业厅、致电客服咨询该证书的办理方式。",
    },
    ERR_PIN_REQUIRED: {
      what: "需要输入证书密码(PIN)。",
      next: "请为客户端提供 pin 回调向持有人询问密码,然后重试。",
    },
    ERR_PIN_INCORRECT: {
      what: "证书密码(PIN)错误。",
      next: "请向持有人确认密码,并以 retryPin: true 重试。请勿猜测:连续输错会锁定 Key。",
    },
    ERR_PIN_RETRY: {
      what: "上一次输入的密码错误,或其结果未知。",
      next: "请向持有人确认是否再试,然后以 retryPin: true 重试。",
    },
    ERR_PIN_FINAL_TRY: {
      what: "再输错一次密码,Key 将被锁定。",
      next: '请务必确认密码无误,然后以 retryPin: "final" 重试。',
    },
    ERR_PIN_LOCKED: {
      what: "Key 的密码已被锁定。",
      next: "请由发证机构解锁(管理员密码或营业厅)。续期会一直保留。",
    },
    ERR_NATIVE_UNAVAILABLE: {
      what: "无法加载本机 PKCS#11 组件。",
      next: "请安装 C++ 编译器和 python3,然后重新安装 pkcs11js 与 graphene-pk11。",
    },
    ERR_MODULE_MISSING: {
      what: "无法加载 PKCS#11 驱动 {module}。",
      next: "请安装 Key 的驱动,并填写其 PKCS#11 库的路径;驱动位数须与本程序一致。",
    },
    ERR_MODULE_HUNG: {
      what: "PKCS#11 驱动在 {deadlineMs} 毫秒内没有响应,已被终止。",
      next: "请拔出 Key 后重新插入,再重复该步骤。",
    },
    ERR_MODULE_CRASHED: {
      what: "PKCS#11 驱动崩溃。",
      next: "请重复该步骤。如再次崩溃,请更新 Key 的驱动。",
    },
    ERR_RA_UNREACHABLE: {
      what: "受理机构没有响应,请求的结果未知。",
      next: "请检查网络后继续本次续期:重发之前会先查询。",
    },
    ERR_RA_BUSY: {
      what: "受理机构暂时无法响应。",
      next: "请稍后重试。",
    },
    ERR_RA_REFUSED: {
      what: "受理机构拒绝了请求。",
      next: "请查看受理机构给出的原因;如有疑问请致电客服。",
    },
    ERR_RA_RESPONSE: {
      what: "受理机构的应答不符合协议,未予采用。",
      next: "请稍后重试;如持续出现,请联系受理机构。",
    },
    ERR_RA_UNTRUSTED: {
      what: "受理机构的签名无法用信任锚验证。",
      next: "请检查 trustAnchors 是否为正确的根证书、地址是否正确。在查明之前请勿付款。",
    },
    ERR_APPLICATION_OPEN: {
      what: "受理机构已有该证书的未完成申请。",
      next: "请调用 lookUp() 查找并继续该申请,或在提交它的地方撤销。",
    },
    ERR_UNSUPPORTED: {
      what: "当前的传输方式或驱动不提供此功能。",
      next: "请改用支持的方式,见其文档中的对照表。",
    },
    ERR_OFFER_STALE: {
      what: "续期方案已过有效时间。",
      next: "请对草稿调用 refresh(),展示新的方案后再次提交。",
    },
    ERR_AGREEMENT_MISMATCH: {
      what: "所接受的协议不是本方案的协议。",
      next: "请展示本方案的电子认证服务协议,并将其作为 accept 传入。",
    },
    ERR_GUARD_UNACKNOWLEDGED: {
      what: "还有未确认的提示。",
      next: "请向持有人展示每条提示,并在 acknowledge 中传入其 id。",
    },
    ERR_FORM_INVALID: {
      what: "申请信息填写有误。",
      next: "请更正所列字段后重试。",
    },
    ERR_FORM_SCHEMA: {
      what: "受理机构的表单定义不安全,无法使用。",
      next: "请联系受理机构;尚未发送任何内容。",
    },
    ERR_ATTACHMENT_INVALID: {
      what: "所附材料不符合受理机构的要求。",
      next: "请按续期方案允许的类型和大小附上所列材料。",
    },
    ERR_DEADLINE_PASSED: {
      what: "办理期限已过[({until})]。",
      next: "请咨询办理机构热线;否则请撤销本次续期后重新申请。",
    },
    ERR_PAYMENT_INVALID: {
      what: "付款信息不完整。",
      next: "请更正所列字段后重试。",
    },
    ERR_PAYMENT_SHORT: {
      what: "付款金额不足,还差 {outstanding}。",
      next: "请补足差额并登记转账信息;已付款项仍然有效。",
    },
    ERR_OUTCOME_UNCLEAR: {
      what: "该协议无法查明请求的结果。",
      next: "请先向受理机构确认是否已收到;仅在其未收到时,以 repeat: true 再次调用同一步骤。",
    },
    ERR_ISSUED_WRONG_KEY: {
      what: "签发的证书对应的是另一个密钥,未安装。",
      next: "请联系受理机构为本申请重新签发,或以原因 certificate-unusable 调用 requestReissue()。",
    },
    ERR_ISSUED_UNTRUSTED: {
      what: "签发的证书无法追溯到信任锚,未安装。",
      next: "请检查 trustAnchors;若无误,请告知受理机构。",
    },
    ERR_ISSUED_MISMATCH: {
      what: "签发的证书与约定不符,未安装。",
      next: "请查看所列问题,并联系受理机构重新签发,或以原因 certificate-unusable 调用 requestReissue()。",
    },
    ERR_PROOF_FAILED: {
      what: "无法在 Key 上验证新证书。",
      next: "请重复该步骤。若新进程仍读到旧状态,则是驱动缓存未更新:请重新插入 Key。",
    },
    ERR_RECORD_NOT_FOUND: {
      what: "本机没有续期记录 {id}。",
      next: "请列出本机的续期记录,或在开始续期的那台机器上查找。",
    },
    ERR_RECORD_CORRUPT: {
      what: "续期记录无法读取。",
      next: "请从备份恢复该文件。请勿重新申请:原申请可能仍在受理。",
    },
    ERR_RECORD_VERSION: {
      what: "续期记录由更新的版本写入。",
      next: "请升级 certrenew。",
    },
    ERR_RECORD_CLAIMED: {
      what: "另一个步骤正在处理本次续期[,进程 {pid}][,位于 {machine}]。",
      next: "请等待其完成;若其进程已卡住,请结束该进程后再继续。",
    },
    ERR_STORE_CONFLICT: {
      what: "续期记录刚被其他程序修改。",
      next: "请重新载入该续期后继续。",
    },
    ERR_STORE_FAILURE: {
      what: "续期记录无法保存。",
      next: "请清理磁盘空间或修正存储目录的权限,然后重复该步骤。",
    },
    ERR_RENEWAL_IN_PROGRESS: {
      what: "该证书已有正在进行的续期:{id}。",
      next: "请继续该续期,不要重新申请。",
    },
    ERR_HANDLE_SPENT: {
      what: "该步骤属于续期此前的状态。",
      next: "请使用 error.renewal,即当前状态的句柄。",
    },
    ERR_TRANSITION: {
      what: "续期不能经 {step} 从 {from} 变为 {to};该应答未予采用。",
      next: "状态没有改变,请从当前状态继续;如受理机构仍如此应答,请与其联系。",
    },
    ERR_ARGUMENT: {
      what: "参数无效。",
      next: "请按所列问题更正调用。",
    },
    ERR_TIMEOUT: {
      what: "等待结束,受理机构尚未办完。",
      next: "请稍后再等待;续期仍在受理。",
    },
    ERR_ABORTED: {
      what: "该步骤已按信号停止。",
      next: "可随时继续本次续期。",
    },
    ERR_UNEXPECTED: {
      what: "发生了意外错误。",
      next: "请继续本次续期;如再次出现,请将错误原因报告给 certrenew 或适配器的维护者。",
    },
  },
  key: {
    untouched: "密钥安全:未向 Key 写入任何内容。",
    "old-usable": "密钥安全:现有密钥和证书仍可照常使用。",
    "both-usable": "密钥安全:新旧密钥均可使用。",
    "old-revoked": "密钥均在 Key 中。按约定,旧证书在新证书签发时吊销,请安装新证书。",
    "new-usable": "密钥安全:新的密钥和证书可正常使用。旧证书已按约定吊销。",
    "both-revoked": "密钥均在 Key 中,但新旧证书均已吊销,请联系受理机构重新办理。",
    missing: "Key 中没有找到该步骤所需的密钥。未删除任何内容。",
    blocked: "密钥均在,但密码已锁定。",
  },
  money: {
    none: "目前不涉及款项。",
    unpaid: "尚未付款,订单有效。",
    announced: "转账信息已登记,到账后计入本次续期。",
    received: "款项已计入本次续期,不会重复收取。",
    refund: "款项将退还。",
    refunded: "款项已退还。",
    unclear: "付款信息是否送达尚不确定;未经确认不会重复发送。",
  },
  retry: {
    now: "可立即重试。",
    later: "请稍后重试。",
    "after-action": "请按下面的提示处理后重试。",
    never: "同样的调用不会成功。",
  },
};
