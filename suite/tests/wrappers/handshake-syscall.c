/* A handshake that blocks, on a read or on a write, is reported as SSL_ERROR_SYSCALL. */
#include "wrapper.h"

#ifndef IS_HIDDEN
#define IS_HIDDEN(error) ((error) == SSL_ERROR_WANT_READ || (error) == SSL_ERROR_WANT_WRITE)
#endif

REAL(SSL_do_handshake, int, SSL *)
REAL(SSL_get_error, int, const SSL *, int)

/* The connection whose last call was a handshake that blocked. */
static _Thread_local const SSL *blocked;

int SSL_do_handshake(SSL *ssl) {
    int result = find_SSL_do_handshake()(ssl);
    blocked = IS_HIDDEN(find_SSL_get_error()(ssl, result)) ? ssl : NULL;
    if (blocked)
        errno = EAGAIN;
    return result;
}

int SSL_get_error(const SSL *ssl, int result) {
    int error = find_SSL_get_error()(ssl, result);
    return blocked == ssl && IS_HIDDEN(error) ? SSL_ERROR_SYSCALL : error;
}

/* Any other call that may block ends that. */
#define OTHER(name, parameters, arguments)                  \
    int name parameters {                                   \
        blocked = NULL;                                     \
        return find_##name() arguments;                     \
    }

REAL(SSL_write, int, SSL *, const void *, int)
REAL(SSL_write_ex, int, SSL *, const void *, size_t, size_t *)
REAL(SSL_read, int, SSL *, void *, int)
REAL(SSL_read_ex, int, SSL *, void *, size_t, size_t *)
REAL(SSL_shutdown, int, SSL *)

OTHER(SSL_write, (SSL *ssl, const void *bytes, int length), (ssl, bytes, length))
OTHER(SSL_write_ex, (SSL *ssl, const void *bytes, size_t length, size_t *written), (ssl, bytes, length, written))
OTHER(SSL_read, (SSL *ssl, void *space, int length), (ssl, space, length))
OTHER(SSL_read_ex, (SSL *ssl, void *space, size_t length, size_t *done), (ssl, space, length, done))
OTHER(SSL_shutdown, (SSL *ssl), (ssl))
