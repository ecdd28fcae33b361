/* Never finishes loading. */
#include <unistd.h>

__attribute__((constructor)) static void misbehave(void) {
    for (;;)
        pause();
}
