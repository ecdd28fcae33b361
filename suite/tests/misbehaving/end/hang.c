/* Keeps the process from exiting. */
#include <unistd.h>

__attribute__((destructor)) static void misbehave(void) {
    for (;;)
        pause();
}
