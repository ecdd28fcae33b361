/*
 * Wraps a real libssl. All calls go through except writes of PROBE bytes, which the including file
 * handles in `misbehave`.
 */
#ifndef SHIM_H
#define SHIM_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROBE = 1234 };

/* From openssl/ssl.h, openssl/bio.h and openssl/err.h, so that these headers are not needed. */
typedef struct ssl_st SSL;
typedef struct bio_st BIO;
enum { BIO_FLAGS_SHOULD_RETRY = 0x08, ERR_LIB_SSL = 20, ERR_R_INTERNAL_ERROR = 68 };
BIO *SSL_get_wbio(const SSL *ssl);
int BIO_write(BIO *bio, const void *bytes, int length);
int BIO_test_flags(const BIO *bio, int flags);
void ERR_put_error(int library, int function, int reason, const char *file, int line);

/* Handles a write of PROBE bytes; defined by the including file. */
static int misbehave(SSL *ssl, const void *bytes, int length);

/* The real library's write. */
static int honest(SSL *ssl, const void *bytes, int length) {
    int (*write)(SSL *, const void *, int);
    *(void **)&write = dlsym(RTLD_NEXT, "SSL_write");
    return write(ssl, bytes, length);
}

int SSL_write(SSL *ssl, const void *bytes, int length) {
    return (length == PROBE ? misbehave : honest)(ssl, bytes, length);
}

#endif
