/* The repetition of a write of 300 bytes crashes. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    static __thread SSL *last;
    if (length == 300 && last == ssl)
        __builtin_trap();
    if (length == 300)
        last = ssl;
    return find_SSL_write()(ssl, bytes, length);
}
