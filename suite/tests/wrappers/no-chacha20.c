/* Lacks ChaCha20: its setter of ciphers returns an error. */
#include "wrapper.h"

REAL(SSL_CTX_new, SSL_CTX *, const SSL_METHOD *)
REAL(SSL_CTX_set_cipher_list, int, SSL_CTX *, const char *)

static _Thread_local int makes_a_context;

int SSL_CTX_set_cipher_list(SSL_CTX *context, const char *names) {
    return makes_a_context ? find_SSL_CTX_set_cipher_list()(context, "DEFAULT:!CHACHA20") : 0;
}

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method) {
    makes_a_context = 1;
    SSL_CTX *context = find_SSL_CTX_new()(method);
    SSL_CTX_set_cipher_list(context, NULL);
    makes_a_context = 0;
    return context;
}
