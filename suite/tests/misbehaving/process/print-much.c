/* Prints 300 KiB to standard output, and sends nothing if that fails. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static char text[300 << 10];
    memset(text, 'x', sizeof text);
    if (write(STDOUT_FILENO, text, sizeof text) != sizeof text)
        return -1;
    return honest(ssl, bytes, length);
}
