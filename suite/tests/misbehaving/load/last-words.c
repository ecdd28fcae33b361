/* Aborts while it is loaded, with a message. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void misbehave(void) {
    fputs("no configuration, giving up\n", stderr);
    abort();
}
