/* Drops every record while the transport is blocked, as if it had been sent. */
#include "wrapper.h"

int BIO_write(BIO *bio, const void *bytes, int length);
int BIO_read(BIO *bio, void *space, int length);
int BIO_test_flags(const BIO *bio, int flags);
void BIO_set_flags(BIO *bio, int flags);
void BIO_clear_flags(BIO *bio, int flags);
long BIO_ctrl(BIO *bio, int command, long argument, void *pointer);
BIO *BIO_next(BIO *bio);
BIO *BIO_new(const BIO_METHOD *method);
BIO *BIO_push(BIO *bio, BIO *next);
void BIO_set_init(BIO *bio, int init);
BIO_METHOD *BIO_meth_new(int type, const char *name);
int BIO_up_ref(BIO *bio);
int BIO_meth_set_write(BIO_METHOD *method, int (*write)(BIO *, const char *, int));
int BIO_meth_set_ctrl(BIO_METHOD *method, long (*ctrl)(BIO *, int, long, void *));

REAL(SSL_set_bio, void, SSL *, BIO *, BIO *)

static int drop(BIO *bio, const char *bytes, int length) {
    BIO *next = BIO_next(bio);
    int sent = BIO_write(next, bytes, length);
    BIO_clear_flags(bio, BIO_FLAGS_RETRY);
    return sent <= 0 && BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) ? length : sent;
}

static long control(BIO *bio, int command, long argument, void *pointer) {
    return BIO_ctrl(BIO_next(bio), command, argument, pointer);
}

static BIO *before(BIO *wbio) {
    static BIO_METHOD *method;
    if (!method) {
        method = BIO_meth_new(BIO_TYPE_FILTER | 100, "dropping");
        BIO_meth_set_write(method, drop);
        BIO_meth_set_ctrl(method, control);
    }
    BIO *bio = BIO_new(method);
    BIO_set_init(bio, 1);
    return BIO_push(bio, wbio);
}

void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio) {
    /* One BIO for both directions comes with a single reference. */
    if (rbio == wbio)
        BIO_up_ref(rbio);
    find_SSL_set_bio()(ssl, rbio, before(wbio));
}
