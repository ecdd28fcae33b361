/* Once a write has blocked, each retry sends a record and asks to be repeated. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)
REAL(SSL_get_error, int, const SSL *, int)

static const SSL *blocked;

int SSL_write(SSL *ssl, const void *bytes, int length) {
    int result = find_SSL_write()(ssl, bytes, length);
    if (result <= 0 && find_SSL_get_error()(ssl, result) == SSL_ERROR_WANT_WRITE)
        blocked = ssl;
    return blocked == ssl && result > 0 ? -1 : result;
}

int SSL_get_error(const SSL *ssl, int result) {
    int error = find_SSL_get_error()(ssl, result);
    return blocked == ssl && result <= 0 ? SSL_ERROR_WANT_WRITE : error;
}

void SSL_free(SSL *ssl) {
    void (*real)(SSL *);
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_free");
    if (blocked == ssl)
        blocked = NULL;
    real(ssl);
}
