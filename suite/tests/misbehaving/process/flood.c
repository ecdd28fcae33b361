/* Prints 10 MB to standard error. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static char text[10 * 1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    for (int lines = 0; lines < 1000; lines++)
        (void)!write(STDERR_FILENO, text, sizeof text);
    return honest(ssl, bytes, length);
}
