/* Reports one byte more than it was given. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    return written > 0 ? written + 1 : written;
}
