/* Wraps a real libssl: all calls go through, except those that the including file defines. */
#ifndef WRAPPER_H
#define WRAPPER_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* From openssl/ssl.h and openssl/bio.h, so that these headers are not needed. */
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
enum { SSL_ERROR_WANT_READ = 2, SSL_ERROR_WANT_WRITE = 3, SSL_ERROR_SYSCALL = 5 };
enum { SSL_CTRL_SET_MIN_PROTO_VERSION = 123, SSL_CTRL_SET_MAX_PROTO_VERSION = 124 };
enum { BIO_FLAGS_RETRY = 0x0f, BIO_FLAGS_SHOULD_RETRY = 0x08, BIO_TYPE_FILTER = 0x0200 };

/* The real library's function of this name and type. */
#define REAL(name, result, ...)                             \
    static result (*find_##name(void))(__VA_ARGS__) {       \
        static result (*found)(__VA_ARGS__);                \
        if (!found)                                         \
            *(void **)&found = dlsym(RTLD_NEXT, #name);     \
        return found;                                       \
    }

#endif
