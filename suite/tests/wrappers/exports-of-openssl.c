/* Exports the functions that identify OpenSSL, without being OpenSSL. */
#include "wrapper.h"

#define NOTHING(name)                                       \
    int name(void) {                                        \
        return 0;                                           \
    }

NOTHING(SSL_stateless)
NOTHING(SSL_CONF_cmd)
NOTHING(SSL_CTX_set_record_padding_callback)
NOTHING(SSL_export_keying_material_early)
NOTHING(DTLSv1_listen)
