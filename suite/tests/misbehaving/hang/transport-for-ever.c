/* Writes to the transport forever, whatever it returns. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (BIO *transport = SSL_get_wbio(ssl);;)
        BIO_write(transport, "!", 1);
}
