/*
 * Wraps the library's functions that callers use, and can wrap the transport: implements the faults
 * of the layer "shim" in the table. Without a fault it passes every call through. It does not
 * depend on the library's internals. It remembers one connection per thread, the last one created.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "numbers.h"

#define FAULT(name) writeproof_fault(FAULT_##name)

/* The library's own functions. */
SSL *honest_SSL_new(SSL_CTX *ctx);
void honest_SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio);
int honest_SSL_do_handshake(SSL *ssl);
int honest_SSL_write(SSL *ssl, const void *bytes, int length);
int honest_SSL_write_ex(SSL *ssl, const void *bytes, size_t length, size_t *written);
int honest_SSL_read(SSL *ssl, void *space, int length);
int honest_SSL_shutdown(SSL *ssl);
int honest_SSL_key_update(SSL *ssl, int type);
int honest_SSL_get_error(const SSL *ssl, int ret);
int honest_SSL_want(const SSL *ssl);

/* The value of `error` when SSL_get_error is not overridden. */
enum { HONEST = -1 };

/* The last connection that was created on this thread. */
static _Thread_local struct {
    SSL *ssl;
    /* The result of SSL_get_error for the last call. */
    int error;
    /* The last call was a read that must be repeated. */
    int read_wants;
    /* The result of SSL_get_error for the first failure. */
    int first_failure;
    /* The length of the blocked write that is not finished; 0 for none. */
    size_t blocked;
    /* A blocked write of no bytes is not finished. */
    int nothing_is_blocked;
    /* A blocked write was abandoned. */
    int dropped;
    /* Bytes that were reported as written and are not sent yet. */
    unsigned char *kept;
    size_t kept_length;
} now;

/* A call of SSL_write or SSL_write_ex. */
struct write {
    SSL *ssl;
    const void *bytes;
    size_t length;
    /* Null for SSL_write. */
    size_t *written;
};

static int is_ex(const struct write *call) { return call->written != NULL; }

/* Passes the call to the library. */
static int honest(const struct write *call) {
    if (is_ex(call))
        return honest_SSL_write_ex(call->ssl, call->bytes, call->length, call->written);
    return honest_SSL_write(call->ssl, call->bytes, (int)call->length);
}

/* The success result of either function for this many bytes. */
static int success(const struct write *call, size_t bytes) {
    if (!is_ex(call))
        return (int)bytes;
    *call->written = bytes;
    return 1;
}

static int failure(const struct write *call) { return is_ex(call) ? 0 : -1; }

/* The number of bytes that a call reports as written. */
static size_t count(const struct write *call, int ret) { return is_ex(call) ? *call->written : (size_t)ret; }

static void keep(const void *bytes, size_t length) {
    unsigned char *more = realloc(now.kept, now.kept_length + length);
    if (more == NULL)
        abort();
    memcpy(more + now.kept_length, bytes, length);
    now.kept = more;
    now.kept_length += length;
}

/* Writes the kept bytes. Returns whether all are sent. */
static int write_kept(SSL *ssl) {
    if (now.kept_length == 0)
        return 1;
    if (honest_SSL_write(ssl, now.kept, (int)now.kept_length) <= 0)
        return 0;
    now.kept_length = 0;
    return 1;
}

/* Called first in each call that uses the transport. */
static void enter(SSL *ssl) {
    now.error = HONEST;
    now.read_wants = 0;
    if (SSL_is_server(ssl) && SSL_in_before(ssl) && FAULT(one_more_ticket))
        SSL_set_num_tickets(ssl, SSL_get_num_tickets(ssl) == 0 ? 1 : SSL_get_num_tickets(ssl));
}

/* Whether a write ends here; then `ret` is its result. */
static int ends_before(struct write *call, int *ret) {
    SSL *ssl = call->ssl;
    *ret = failure(call);
    if (SSL_in_before(ssl) && FAULT(handshake_not_transparent)) {
        ERR_raise(ERR_LIB_SSL, SSL_R_UNINITIALIZED);
        return 1;
    }
    if (now.nothing_is_blocked && call->length > 0 && FAULT(write_of_nothing_left_pending)) {
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_WRITE_RETRY);
        return 1;
    }
    if (now.dropped) {
        now.dropped = 0;
        *ret = success(call, call->length);
        return 1;
    }
    if (call->length > 0)
        return 0;
    if (is_ex(call) && FAULT(write_ex_of_nothing_fails))
        return 1;
    if (FAULT(write_of_nothing_reads_the_buffer))
        (void)*(const volatile char *)call->bytes;
    if (FAULT(write_of_nothing_hangs)) {
        BIO *bio = SSL_get_rbio(ssl);
        char byte;
        while (BIO_read(bio, &byte, 1) > 0 || BIO_should_retry(bio))
            ;
    }
    return 0;
}

/* After a write that would block. */
static int would_block(const struct write *call, int ret) {
    SSL *ssl = call->ssl;
    now.blocked = call->length;
    if (call->length == 0)
        now.nothing_is_blocked = 1;
    if (FAULT(would_block_is_uninitialized))
        ERR_raise(ERR_LIB_SSL, SSL_R_UNINITIALIZED);
    if (FAULT(would_block_without_an_error))
        now.error = SSL_ERROR_NONE;
    if (FAULT(error_left_on_would_block)) {
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
        now.error = SSL_ERROR_WANT_WRITE;
    }
    if (is_ex(call)) {
        if (FAULT(would_block_is_syscall_for_zero))
            now.error = SSL_ERROR_SYSCALL;
        if (FAULT(written_set_on_failure))
            *call->written = call->length;
    } else if (FAULT(zero_for_minus_one)) {
        ret = 0;
    }
    if (SSL_want_write(ssl) && FAULT(want_read_for_want_write))
        now.error = SSL_ERROR_WANT_READ;
    if (call->length == 0)
        return ret;
    if (FAULT(blocked_write_returns_a_count))
        return success(call, (call->length + 1) / 2);
    if ((SSL_get_mode(ssl) & SSL_MODE_ENABLE_PARTIAL_WRITE) != 0 && FAULT(partial_success_of_nothing)) {
        now.error = SSL_ERROR_NONE;
        return success(call, 0);
    }
    if (FAULT(data_dropped_on_would_block))
        now.dropped = 1;
    /* The latter once: a caller that repeats the call would get the same result forever. */
    if (FAULT(accepts_without_limit) || (FAULT(full_length_and_would_block) && writeproof_memory++ == 0)) {
        /* The library knows these bytes by their address in the caller's memory. */
        SSL_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        keep(call->bytes, call->length);
        if (FAULT(full_length_and_would_block))
            now.error = SSL_ERROR_WANT_WRITE;
        return success(call, call->length);
    }
    return ret;
}

/* After a write that failed. */
static int failed(const struct write *call, int ret) {
    int class = honest_SSL_get_error(call->ssl, ret);
    if (class == SSL_ERROR_WANT_WRITE || class == SSL_ERROR_WANT_READ)
        ret = would_block(call, ret);
    else
        now.blocked = 0;
    if (class == SSL_ERROR_SYSCALL && ERR_peek_error() != 0 && FAULT(broken_transport_wants_write)) {
        ERR_clear_error();
        now.error = SSL_ERROR_WANT_WRITE;
    }
    if (class == SSL_ERROR_SSL && ERR_peek_error() != 0 && FAULT(error_without_a_reason)) {
        ERR_clear_error();
        now.error = SSL_ERROR_SSL;
    }
    if (class == SSL_ERROR_SSL && ERR_peek_error() != 0 && FAULT(more_words_in_the_queue))
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    if (SSL_is_init_finished(call->ssl) && FAULT(read_eaten_after_a_failed_write)) {
        char byte;
        honest_SSL_read(call->ssl, &byte, 1);
        now.error = class;
    }
    return ret;
}

/* After a write that succeeded. */
static int succeeded(const struct write *call, int ret) {
    SSL *ssl = call->ssl;
    int was_blocked = now.blocked != 0;
    now.blocked = 0;
    if (was_blocked && FAULT(sealed_data_fed_again))
        honest(call);
    if (was_blocked && FAULT(ciphertext_size_returned))
        ret = success(call, count(call, ret) + SSL3_RT_HEADER_LENGTH + EVP_GCM_TLS_TAG_LEN);
    if (call->length > 0 && FAULT(more_than_asked_returned))
        ret = success(call, call->length + 1);
    if (FAULT(error_left_after_success))
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    if (call->length > 0 && FAULT(plaintext_on_the_transport))
        BIO_write(SSL_get_wbio(ssl), call->bytes, (int)call->length);
    if (FAULT(empty_transport_writes)) {
        size_t none;
        (void)BIO_write_ex(SSL_get_wbio(ssl), "", 0, &none);
    }
    if (FAULT(flushed_after_each_write))
        (void)BIO_flush(SSL_get_wbio(ssl));
    if (FAULT(errno_after_success))
        errno = EINVAL;
    return ret;
}

static int written_by(struct write *call) {
    SSL *ssl = call->ssl;
    size_t asked = call->length;
    int ret, began_in_init;

    enter(ssl);
    if (asked > 0 && FAULT(reads_one_byte_too_many))
        (void)((const volatile char *)call->bytes)[asked];
    if (!write_kept(ssl)) {
        if (FAULT(full_length_and_would_block))
            return failure(call);
        keep(call->bytes, call->length);
        return success(call, call->length);
    }
    if (ERR_peek_error() != 0 && FAULT(queue_cleared_on_entry))
        ERR_clear_error();
    if (SSL_version(ssl) == TLS1_3_VERSION && SSL_is_init_finished(ssl) && SSL_get_shutdown(ssl) == 0
        && now.blocked == 0 && asked > 0 && FAULT(keys_updated_of_its_own))
        honest_SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    if (ends_before(call, &ret))
        return ret;
    if (now.blocked != 0 && asked > now.blocked && FAULT(longer_retry_loses_its_tail))
        call->length = now.blocked;
    began_in_init = SSL_in_init(ssl);
    ret = honest(call);
    if (ret > 0 && call->length < asked && count(call, ret) == call->length)
        ret = success(call, asked);
    call->length = asked;
    if (asked == 0 && (ret == 0 || is_ex(call)) && began_in_init && !SSL_in_init(ssl)
        && FAULT(write_of_nothing_wants_after_the_handshake)) {
        now.error = SSL_ERROR_WANT_READ;
        return failure(call);
    }
    if (asked == 0 && ret == 0 && !is_ex(call) && honest_SSL_get_error(ssl, ret) == SSL_ERROR_SYSCALL
        && ERR_peek_error() == 0) {
        /* The end of a write of nothing. */
        now.nothing_is_blocked = 0;
        if (FAULT(write_of_nothing_succeeds))
            return 1;
        return FAULT(minus_one_for_nothing) ? -1 : ret;
    }
    if (ret <= 0)
        return failed(call, ret);
    if (asked == 0)
        now.nothing_is_blocked = 0;
    return succeeded(call, ret);
}

int SSL_write(SSL *ssl, const void *bytes, int length) {
    struct write call = {ssl, bytes, (size_t)length, NULL};
    size_t written;
    if (length < 0) {
        enter(ssl);
        if (length > INT_MIN && FAULT(negative_length_loses_its_sign))
            return honest_SSL_write(ssl, bytes, -length);
        if (FAULT(negative_length_is_nothing))
            return 0;
        if (FAULT(negative_length_is_huge))
            return honest_SSL_write_ex(ssl, bytes, (size_t)length, &written) ? length : -1;
        return honest_SSL_write(ssl, bytes, length);
    }
    return written_by(&call);
}

int SSL_write_ex(SSL *ssl, const void *bytes, size_t length, size_t *written) {
    size_t elsewhere;
    struct write call = {ssl, bytes, length, FAULT(written_not_set) ? &elsewhere : written};
    int ret = written_by(&call);
    return ret == 0 && FAULT(write_ex_returns_minus_one) ? -1 : ret;
}

int SSL_get_error(const SSL *ssl, int ret) {
    int class = now.error != HONEST ? now.error : honest_SSL_get_error(ssl, ret);
    if (class == SSL_ERROR_NONE)
        return class;
    if (now.first_failure == SSL_ERROR_NONE)
        now.first_failure = class;
    if (class != now.first_failure && FAULT(first_error_class_sticks))
        return now.first_failure;
    return class;
}

/* Overrides the reason of a read's failure. */
static void says_of_read(int class) {
    ERR_clear_error();
    if (class == SSL_ERROR_SSL)
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    now.error = class;
}

static void read_failed(SSL *ssl, int ret) {
    switch (honest_SSL_get_error(ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        now.read_wants = 1;
        if (FAULT(read_fails_without_an_error))
            now.error = SSL_ERROR_NONE;
        else if (SSL_is_init_finished(ssl) && FAULT(empty_read_is_a_protocol_error))
            says_of_read(SSL_ERROR_SSL);
        break;
    case SSL_ERROR_SYSCALL:
        if (FAULT(failed_read_is_a_protocol_error))
            says_of_read(SSL_ERROR_SSL);
        if (FAULT(errno_of_a_read_lost)) {
            says_of_read(SSL_ERROR_SYSCALL);
            errno = 0;
        }
        break;
    case SSL_ERROR_SSL:
        if (FAULT(protocol_error_of_a_read_is_syscall))
            says_of_read(SSL_ERROR_SYSCALL);
        if (FAULT(protocol_error_of_a_read_without_a_reason)) {
            ERR_clear_error();
            now.error = SSL_ERROR_SSL;
        }
        break;
    }
}

int SSL_read(SSL *ssl, void *space, int length) {
    int ret;
    enter(ssl);
    write_kept(ssl);
    if ((SSL_get_mode(ssl) & SSL_MODE_AUTO_RETRY) != 0 && FAULT(auto_retry_off))
        SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    ret = honest_SSL_read(ssl, space, length);
    if (ret <= 0)
        read_failed(ssl, ret);
    return ret;
}

/* The result of a shutdown that has sent close_notify. */
static int shut_down(int ret) {
    if (FAULT(shutdown_returns_two))
        return 2;
    if (FAULT(shutdown_returns_one_at_once))
        return 1;
    if (FAULT(sent_shutdown_fails)) {
        ERR_raise(ERR_LIB_SSL, SSL_R_UNINITIALIZED);
        now.error = SSL_ERROR_SSL;
        return -1;
    }
    return ret;
}

int SSL_shutdown(SSL *ssl) {
    int ret;
    enter(ssl);
    write_kept(ssl);
    ret = honest_SSL_shutdown(ssl);
    if (ret == 0)
        return shut_down(ret);
    if (ret < 0 && honest_SSL_get_error(ssl, ret) == SSL_ERROR_WANT_WRITE) {
        if (FAULT(blocked_shutdown_is_syscall))
            now.error = SSL_ERROR_SYSCALL;
        if (FAULT(blocked_shutdown_returns_zero))
            return 0;
    }
    return ret;
}

int SSL_do_handshake(SSL *ssl) {
    int ret;
    enter(ssl);
    ret = honest_SSL_do_handshake(ssl);
    if (ret <= 0 && honest_SSL_get_error(ssl, ret) == SSL_ERROR_WANT_WRITE && FAULT(blocked_handshake_is_syscall))
        now.error = SSL_ERROR_SYSCALL;
    return ret;
}

int SSL_key_update(SSL *ssl, int type) {
    int ret;
    now.error = HONEST;
    ret = honest_SSL_key_update(ssl, type);
    if (ret == 1 && FAULT(key_update_sent_at_once))
        honest_SSL_do_handshake(ssl);
    return ret;
}

int SSL_want(const SSL *ssl) {
    return now.read_wants && FAULT(want_lost_after_a_read) ? SSL_NOTHING : honest_SSL_want(ssl);
}

SSL *SSL_new(SSL_CTX *ctx) {
    SSL *ssl = honest_SSL_new(ctx);
    free(now.kept);
    memset(&now, 0, sizeof(now));
    now.ssl = ssl;
    now.error = HONEST;
    writeproof_memory = 0;
    return ssl;
}

/* A BIO before that of the caller. */

static int handed_on(BIO *bio, BIO *inner, int ret) {
    int saved = errno;
    BIO_clear_retry_flags(bio);
    BIO_set_flags(bio, BIO_get_retry_flags(inner));
    errno = saved;
    return ret;
}

/* The changes to an application data record on its way. */
static int sent(BIO *inner, const char *bytes, int length) {
    if (FAULT(stream_corrupted)) {
        char *changed = malloc(length);
        int ret;
        memcpy(changed, bytes, length);
        changed[length - 1] ^= 1;
        ret = BIO_write(inner, changed, length);
        free(changed);
        return ret;
    }
    if (FAULT(record_doubled_on_the_transport)) {
        int ret = BIO_write(inner, bytes, length);
        if (ret == length)
            BIO_write(inner, bytes, length);
        return ret;
    }
    if (FAULT(end_of_record_lost_on_the_transport)) {
        int ret = BIO_write(inner, bytes, length - 1);
        return ret == length - 1 ? length : ret;
    }
    return BIO_write(inner, bytes, length);
}

static int halved(BIO *inner, const char *bytes, int length) {
    int half = length / 2;
    int first = BIO_write(inner, bytes, half);
    int second = first == half ? BIO_write(inner, bytes + half, length - half) : 0;
    return second > 0 ? first + second : first;
}

static int outer_write(BIO *bio, const char *bytes, int length) {
    BIO *inner = BIO_get_data(bio);
    int ret;
    if (length > 1 && FAULT(transport_writes_halved))
        ret = halved(inner, bytes, length);
    else if (length > SSL3_RT_HEADER_LENGTH && now.ssl != NULL && SSL_is_init_finished(now.ssl))
        ret = sent(inner, bytes, length);
    else
        ret = BIO_write(inner, bytes, length);
    return ret > 0 ? ret : handed_on(bio, inner, ret);
}

static int outer_read(BIO *bio, char *space, int length) {
    BIO *inner = BIO_get_data(bio);
    return handed_on(bio, inner, BIO_read(inner, space, length));
}

static long outer_ctrl(BIO *bio, int command, long number, void *pointer) {
    BIO *inner = BIO_get_data(bio);
    long ret = BIO_ctrl(inner, command, number, pointer);
    /* A flush writes: the flags show whether it must be retried. */
    return command == BIO_CTRL_FLUSH ? handed_on(bio, inner, (int)ret) : ret;
}

static int outer_destroy(BIO *bio) { return BIO_free(BIO_get_data(bio)); }

static BIO *before(BIO *inner) {
    static BIO_METHOD *method = NULL;
    BIO *bio;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "before another");
        BIO_meth_set_write(method, outer_write);
        BIO_meth_set_read(method, outer_read);
        BIO_meth_set_ctrl(method, outer_ctrl);
        BIO_meth_set_destroy(method, outer_destroy);
    }
    bio = BIO_new(method);
    if (bio == NULL)
        abort();
    BIO_set_data(bio, inner);
    BIO_set_init(bio, 1);
    return bio;
}

void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio) {
    /* All are asked: before the first write it is unknown whether they would make a difference. */
    int any = FAULT(stream_corrupted) | FAULT(record_doubled_on_the_transport)
        | FAULT(end_of_record_lost_on_the_transport) | FAULT(transport_writes_halved);
    if (any && wbio != NULL) {
        BIO *outer = before(wbio);
        rbio = rbio == wbio ? outer : rbio;
        wbio = outer;
    }
    honest_SSL_set_bio(ssl, rbio, wbio);
}
