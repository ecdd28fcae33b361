/* Reports success when the transport has taken nothing. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    return written > 0 ? written : length;
}
