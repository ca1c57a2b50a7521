/*
 * A PKCS#11 module that behaves like a vendor's bad one, on top of SoftHSM. What it does is read anew at every call from
 * the file that VENDOR_CONTROL names, one order a line:
 *
 *   hang C_Sign          never returns from C_Sign
 *   crash C_Sign         ends the process with SIGSEGV in C_Sign
 *   exit C_Sign          ends the process with status 3 in C_Sign
 *   fail C_Sign 48       returns CKR_DEVICE_ERROR (48) from C_Sign
 *   slow C_Sign 2        C_Sign takes two seconds longer
 *   print C_Sign TEXT    prints TEXT (one word) to standard output and standard error
 *   pad 648219           a reader with a PIN pad, on which the holder types this: C_Login takes no PIN but an empty one
 *   flags 262144         sets these CK_TOKEN_INFO flags besides
 *   hide 64              leaves this mechanism out of C_GetMechanismList
 *   refuse 3             objects have no attribute of this type
 *   removed 224          no token is in the reader; sessions fail with this result
 *   serial 0000          the token's serial number, in place of its own
 *
 * The slot is a reader with removable tokens. Every call is noted in the file that VENDOR_LOG names.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CK_PTR *
#define CK_DECLARE_FUNCTION(returnType, name) returnType name
#define CK_DECLARE_FUNCTION_POINTER(returnType, name) returnType(*name)
#define CK_CALLBACK_FUNCTION(returnType, name) returnType(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include <pkcs11/pkcs11.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST shown;

/* Finds `order subject` and copies what follows it; a NULL subject finds any. */
static int ordered(const char *order, const char *subject, char *rest) {
  const char *path = getenv("VENDOR_CONTROL");
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  char line[256], first[64], second[64], third[64];
  int found = 0;
  if (file == NULL) return 0;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    first[0] = second[0] = third[0] = '\0';
    sscanf(line, "%63s %63s %63s", first, second, third);
    if (strcmp(first, order) != 0) continue;
    if (subject != NULL && strcmp(second, subject) != 0) continue;
    strcpy(rest, subject == NULL ? second : third);
    found = 1;
  }
  fclose(file);
  return found;
}

static void noted(const char *function) {
  const char *path = getenv("VENDOR_LOG");
  FILE *file = path == NULL ? NULL : fopen(path, "a");
  if (file == NULL) return;
  fprintf(file, "%d %s\n", (int)getpid(), function);
  fclose(file);
}

static CK_RV before(const char *function) {
  char rest[64];
  noted(function);
  if (ordered("print", function, rest)) {
    printf("%s\n", rest);
    fflush(stdout);
    fprintf(stderr, "%s\n", rest);
  }
  if (ordered("crash", function, rest)) raise(SIGSEGV);
  if (ordered("exit", function, rest)) _exit(3);
  while (ordered("hang", function, rest)) sleep(1);
  if (ordered("slow", function, rest)) sleep((unsigned)atoi(rest));
  if (ordered("fail", function, rest)) return (CK_RV)strtoul(rest, NULL, 10);
  return CKR_OK;
}

static CK_RV inSession(const char *function) {
  char rest[64];
  CK_RV rv = before(function);
  if (rv != CKR_OK) return rv;
  return ordered("removed", NULL, rest) ? (CK_RV)strtoul(rest, NULL, 10) : CKR_OK;
}

#define GUARD(check, name)         \
  do {                             \
    CK_RV guarded = check(#name);  \
    if (guarded != CKR_OK) return guarded; \
  } while (0)

/* Library parameters, as NSS takes them, stand where SoftHSM wants nothing: they are noted and left out. */
static CK_RV initialize(CK_VOID_PTR args) {
  CK_C_INITIALIZE_ARGS given;
  char text[256];
  GUARD(before, C_Initialize);
  if (args == NULL) return real->C_Initialize(NULL);
  given = *(CK_C_INITIALIZE_ARGS_PTR)args;
  snprintf(text, sizeof text, "flags:%lu parameters:%s;", given.flags,
           given.pReserved == NULL ? "" : (const char *)given.pReserved);
  noted(text);
  given.pReserved = NULL;
  return real->C_Initialize(&given);
}

static CK_RV finalize(CK_VOID_PTR reserved) {
  GUARD(before, C_Finalize);
  return real->C_Finalize(reserved);
}

static CK_RV getSlotList(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
  char rest[64];
  GUARD(before, C_GetSlotList);
  if (present && ordered("removed", NULL, rest)) {
    *count = 0;
    return CKR_OK;
  }
  return real->C_GetSlotList(present, list, count);
}

static CK_RV getSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
  char rest[64];
  GUARD(before, C_GetSlotInfo);
  CK_RV rv = real->C_GetSlotInfo(slot, info);
  info->flags |= CKF_REMOVABLE_DEVICE | CKF_HW_SLOT;
  if (ordered("removed", NULL, rest)) info->flags &= ~(CK_FLAGS)CKF_TOKEN_PRESENT;
  return rv;
}

static CK_RV getTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  char rest[64];
  GUARD(before, C_GetTokenInfo);
  CK_RV rv = real->C_GetTokenInfo(slot, info);
  if (ordered("flags", NULL, rest)) info->flags |= strtoul(rest, NULL, 10);
  if (ordered("pad", NULL, rest)) info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
  if (ordered("serial", NULL, rest)) {
    memset(info->serialNumber, ' ', sizeof info->serialNumber);
    memcpy(info->serialNumber, rest, strnlen(rest, sizeof info->serialNumber));
  }
  return rv;
}

static CK_RV getMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
  char rest[64], number[32];
  GUARD(before, C_GetMechanismList);
  CK_RV rv = real->C_GetMechanismList(slot, list, count);
  if (rv != CKR_OK || list == NULL) return rv;
  CK_ULONG kept = 0;
  for (CK_ULONG index = 0; index < *count; index += 1) {
    snprintf(number, sizeof number, "%lu", list[index]);
    if (!ordered("hide", number, rest)) list[kept++] = list[index];
  }
  *count = kept;
  return rv;
}

static CK_RV openSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                         CK_SESSION_HANDLE_PTR session) {
  GUARD(inSession, C_OpenSession);
  return real->C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  char typed[64];
  noted(user == CKU_CONTEXT_SPECIFIC ? "CKU_CONTEXT_SPECIFIC" : "CKU_USER");
  GUARD(inSession, C_Login);
  if (ordered("pad", NULL, typed)) {
    if (pin != NULL && length > 0) return CKR_ARGUMENTS_BAD;
    return real->C_Login(session, user, (CK_UTF8CHAR_PTR)typed, strlen(typed));
  }
  return real->C_Login(session, user, pin, length);
}

static CK_RV findObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count) {
  GUARD(inSession, C_FindObjectsInit);
  return real->C_FindObjectsInit(session, template, count);
}

static CK_RV getAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                               CK_ATTRIBUTE_PTR template, CK_ULONG count) {
  char rest[64], number[32];
  GUARD(inSession, C_GetAttributeValue);
  for (CK_ULONG index = 0; index < count; index += 1) {
    snprintf(number, sizeof number, "%lu", template[index].type);
    if (ordered("refuse", number, rest)) return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  return real->C_GetAttributeValue(session, object, template, count);
}

static CK_RV createObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count,
                          CK_OBJECT_HANDLE_PTR object) {
  GUARD(inSession, C_CreateObject);
  return real->C_CreateObject(session, template, count, object);
}

static CK_RV generateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                             CK_ATTRIBUTE_PTR public, CK_ULONG publicCount, CK_ATTRIBUTE_PTR private,
                             CK_ULONG privateCount, CK_OBJECT_HANDLE_PTR publicKey,
                             CK_OBJECT_HANDLE_PTR privateKey) {
  GUARD(inSession, C_GenerateKeyPair);
  return real->C_GenerateKeyPair(session, mechanism, public, publicCount, private, privateCount,
                                 publicKey, privateKey);
}

static CK_RV signInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  char text[64];
  snprintf(text, sizeof text, "C_SignInit:%lu", mechanism->mechanism);
  noted(text);
  GUARD(inSession, C_SignInit);
  return real->C_SignInit(session, mechanism, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
                  CK_ULONG_PTR signatureLength) {
  GUARD(inSession, C_Sign);
  return real->C_Sign(session, data, length, signature, signatureLength);
}

static CK_RV decryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  GUARD(inSession, C_DecryptInit);
  return real->C_DecryptInit(session, mechanism, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG encryptedLength,
                     CK_BYTE_PTR data, CK_ULONG_PTR length) {
  GUARD(inSession, C_Decrypt);
  return real->C_Decrypt(session, encrypted, encryptedLength, data, length);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  void *library = dlopen(getenv("VENDOR_MODULE"), RTLD_NOW | RTLD_LOCAL);
  CK_C_GetFunctionList get =
      library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
  if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
  shown = *real;
  shown.C_GetFunctionList = C_GetFunctionList;
  shown.C_Initialize = initialize;
  shown.C_Finalize = finalize;
  shown.C_GetSlotList = getSlotList;
  shown.C_GetSlotInfo = getSlotInfo;
  shown.C_GetTokenInfo = getTokenInfo;
  shown.C_GetMechanismList = getMechanismList;
  shown.C_OpenSession = openSession;
  shown.C_Login = login;
  shown.C_FindObjectsInit = findObjectsInit;
  shown.C_GetAttributeValue = getAttributeValue;
  shown.C_CreateObject = createObject;
  shown.C_GenerateKeyPair = generateKeyPair;
  shown.C_SignInit = signInit;
  shown.C_Sign = sign;
  shown.C_DecryptInit = decryptInit;
  shown.C_Decrypt = decrypt;
  *list = &shown;
  return CKR_OK;
}
