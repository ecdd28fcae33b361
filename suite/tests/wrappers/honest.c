/* Passes every call to the real library. */
#include "wrapper.h"

int wrapper_of_a_libssl(void) {
    return 1;
}
