/* Sends the plaintext to the transport. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    return BIO_write(SSL_get_wbio(ssl), bytes, length);
}
