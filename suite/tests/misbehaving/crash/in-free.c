/* Writes as it should, and crashes when the connection is freed. */
#include "../shim.h"

static SSL *doomed;

void SSL_free(SSL *ssl) {
    void (*real)(SSL *);
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_free");
    if (ssl != NULL && ssl == doomed)
        *(volatile char *)0 = 1;
    real(ssl);
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    doomed = ssl;
    return honest(ssl, bytes, length);
}
