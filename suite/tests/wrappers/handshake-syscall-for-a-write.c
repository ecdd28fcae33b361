/* A handshake that blocks on a write is reported as SSL_ERROR_SYSCALL. */
#define IS_HIDDEN(error) ((error) == SSL_ERROR_WANT_WRITE)
#include "handshake-syscall.c"
