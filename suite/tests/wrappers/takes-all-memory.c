/*
 * In a write of 50000 bytes, maps all address space that its process may use, in blocks of at least
 * 128 KiB.
 */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    for (size_t size = (size_t)1 << 30; length == 50000 && size >= 128 << 10; size /= 2)
        while (mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
            ;
    return find_SSL_write()(ssl, bytes, length);
}
