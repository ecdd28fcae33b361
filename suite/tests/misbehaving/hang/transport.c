/* Writes to a blocked transport until it takes data, which cannot happen during the call. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    BIO *transport = SSL_get_wbio(ssl);
    while (BIO_write(transport, "!", 1) <= 0 && BIO_test_flags(transport, BIO_FLAGS_SHOULD_RETRY))
        ;
    return honest(ssl, bytes, length);
}
