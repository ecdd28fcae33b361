/*
 * The setters of versions and ciphers return errors and leave them in the queue, except in the
 * library's own calls while it creates a context.
 */
#include "wrapper.h"

REAL(SSL_CTX_new, SSL_CTX *, const SSL_METHOD *)
REAL(SSL_CTX_set_cipher_list, int, SSL_CTX *, const char *)
REAL(SSL_CTX_set_ciphersuites, int, SSL_CTX *, const char *)
REAL(SSL_CTX_ctrl, long, SSL_CTX *, int, long, void *)

static _Thread_local int makes_a_context;

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method) {
    makes_a_context = 1;
    SSL_CTX *context = find_SSL_CTX_new()(method);
    makes_a_context = 0;
    return context;
}

int SSL_CTX_set_cipher_list(SSL_CTX *context, const char *names) {
    return find_SSL_CTX_set_cipher_list()(context, makes_a_context ? names : "NO-SUCH-CIPHER");
}

int SSL_CTX_set_ciphersuites(SSL_CTX *context, const char *names) {
    return find_SSL_CTX_set_ciphersuites()(context, makes_a_context ? names : "NO-SUCH-CIPHER");
}

long SSL_CTX_ctrl(SSL_CTX *context, int command, long number, void *pointer) {
    int sets_version = command == SSL_CTRL_SET_MIN_PROTO_VERSION || command == SSL_CTRL_SET_MAX_PROTO_VERSION;
    return find_SSL_CTX_ctrl()(context, command, sets_version && !makes_a_context ? 0x9999 : number, pointer);
}
