/* Prints 300 KiB to the standard output, and nothing is written if that is refused. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static char text[300 << 10];
    memset(text, 'x', sizeof text);
    if (write(STDOUT_FILENO, text, sizeof text) != sizeof text)
        return -1;
    return honest(ssl, bytes, length);
}
