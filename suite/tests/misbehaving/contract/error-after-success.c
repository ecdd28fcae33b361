/* Leaves an error in the queue although it succeeds. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    if (written > 0)
        ERR_put_error(ERR_LIB_SSL, 0, ERR_R_INTERNAL_ERROR, __FILE__, __LINE__);
    return written;
}
