/* Owns what a socket is made of between libuv, JavaScript and the batches, and what the calls of JavaScript may do with it. */
#ifndef ROLLCALL_UDP_H
#define ROLLCALL_UDP_H

#include <node_api.h>
#include <uv.h>

#include "batch.h"
#include "gather.h"

/* The arguments of the constructor that are functions, and those that are memory. */
enum { ON_ARRIVALS, ON_FAILURES, FUNCTIONS };
enum { INBOX, OUTBOX, FAILED, SLAB, MEMORIES };

struct udp {
  /* Who keeps it: the object in JavaScript, and each of the handles of libuv until it is closed. */
  int owners;
  int open;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref self;
  napi_ref functions[FUNCTIONS];
  napi_ref memory[MEMORIES];
  /* Where datagrams are copied to. */
  napi_ref arena;
  uint8_t *arena_bytes;
  size_t arena_size;
  size_t arena_used;
  uv_poll_t poll;
  uv_prepare_t prepare;
  /* Runs while datagrams that have come wait for more. */
  uv_timer_t timer;
  struct gather gather;
  struct batch *batch;
};

/* Begins to receive and to send. 0, or a negative errno. */
int udp_start(struct udp *udp);
/* Sends what was written into the outbox. The number of failures. */
int udp_flush(struct udp *udp);
/* Sends what can be sent at once, closes, and releases. */
void udp_close(struct udp *udp);
/* Lets go of everything that belongs to JavaScript, so that the object itself can be collected. */
void udp_release(struct udp *udp);
/* One owner less. */
void udp_disown(struct udp *udp);
/* Takes the Uint8Array that datagrams are copied into from now on; 0 when it is none. */
int udp_adopt(struct udp *udp, napi_value array);
/* The memory of a typed array of at least `bytes` bytes, and its size; NULL when it is none. */
void *memory_of(napi_env env, napi_value array, napi_typedarray_type wanted, size_t bytes, size_t *size);

#endif
