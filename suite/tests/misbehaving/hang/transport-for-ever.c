/* Writes to the transport forever, regardless of its result. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (BIO *transport = SSL_get_wbio(ssl);;)
        BIO_write(transport, "!", 1);
}
