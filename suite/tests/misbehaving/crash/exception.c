/* Throws an exception through its caller, as a C++ library may. */
#include <unwind.h>

#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static struct _Unwind_Exception exception;
    _Unwind_RaiseException(&exception);
    /* Uncaught: C++ aborts then. */
    abort();
}
