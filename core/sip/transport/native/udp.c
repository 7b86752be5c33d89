/* Owns the life of a socket on the event loop: wakes JavaScript once for a batch, sends at the end of each turn. */
#include "udp.h"

#include <errno.h>
#include <stdlib.h>

void udp_disown(struct udp *udp) {
  if (--udp->owners > 0) return;
  batch_free(udp->batch);
  free(udp);
}

/* Calls back. An exception becomes one that nobody caught. The result, or NULL. */
static napi_value call(struct udp *udp, int which, size_t count, napi_value *arguments) {
  napi_value self, function, result = NULL, error;
  napi_get_reference_value(udp->env, udp->self, &self);
  napi_get_reference_value(udp->env, udp->functions[which], &function);
  if (napi_make_callback(udp->env, udp->context, self, function, count, arguments, &result) == napi_ok) return result;
  bool pending = false;
  napi_is_exception_pending(udp->env, &pending);
  if (pending && napi_get_and_clear_last_exception(udp->env, &error) == napi_ok) napi_fatal_exception(udp->env, error);
  return NULL;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Waits for room only while something waits for it, and for datagrams unless those that have come wait for more. */
static void watch(struct udp *udp) {
  int gathering = uv_is_active((uv_handle_t *)&udp->timer);
  int events = (gathering ? 0 : UV_READABLE) | (batch_waits(udp->batch) ? UV_WRITABLE : 0);
  if (events == 0) uv_poll_stop(&udp->poll);
  else uv_poll_start(&udp->poll, events, on_poll);
}

static void report(struct udp *udp, int failures) {
  if (failures == 0) return;
  napi_handle_scope scope;
  napi_value count;
  napi_open_handle_scope(udp->env, &scope);
  napi_create_int32(udp->env, failures, &count);
  call(udp, ON_FAILURES, 1, &count);
  napi_close_handle_scope(udp->env, scope);
}

int udp_flush(struct udp *udp) {
  int waited = batch_waits(udp->batch);
  int failures = batch_flush(udp->batch);
  if (batch_waits(udp->batch) != waited) watch(udp);
  return failures;
}

/* The end of a turn of the loop: before it waits for events again. */
static void on_prepare(uv_prepare_t *prepare) {
  struct udp *udp = prepare->data;
  if (udp->open) report(udp, udp_flush(udp));
}

void *memory_of(napi_env env, napi_value value, napi_typedarray_type wanted, size_t bytes, size_t *size) {
  bool is_array = false;
  napi_typedarray_type type;
  size_t length;
  void *data = NULL;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return NULL;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok || type != wanted) return NULL;
  *size = type == napi_int32_array ? length * sizeof(int32_t) : length;
  return *size >= bytes ? data : NULL;
}

int udp_adopt(struct udp *udp, napi_value array) {
  napi_ref reference;
  size_t size;
  void *bytes = array == NULL ? NULL : memory_of(udp->env, array, napi_uint8_array, 1, &size);
  if (bytes == NULL || napi_create_reference(udp->env, array, 1, &reference) != napi_ok) return 0;
  if (udp->arena != NULL) napi_delete_reference(udp->env, udp->arena);
  udp->arena = reference;
  udp->arena_bytes = bytes;
  udp->arena_size = size;
  udp->arena_used = 0;
  return 1;
}

/* JavaScript sees all that came in one call, or in several when it has to give a new arena between them. */
static void deliver(struct udp *udp, int received) {
  int next = 0;
  while (next < received && udp->open) {
    int before = next;
    next = batch_unpack(udp->batch, next, udp->arena_bytes, udp->arena_size, &udp->arena_used);
    napi_value arena = call(udp, ON_ARRIVALS, 0, NULL);
    if (udp->open && !udp_adopt(udp, arena) && next == before) return;
  }
}

static void receive(struct udp *udp, uint64_t now) {
  int received = batch_receive(udp->batch);
  gather_note(&udp->gather, now, received);
  if (received == 0) return;
  napi_handle_scope scope;
  napi_open_handle_scope(udp->env, &scope);
  deliver(udp, received);
  napi_close_handle_scope(udp->env, scope);
}

static void on_gathered(uv_timer_t *timer) {
  struct udp *udp = timer->data;
  if (!udp->open) return;
  watch(udp);
  receive(udp, uv_hrtime());
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct udp *udp = poll->data;
  if (!udp->open) return;
  if (status < 0) {
    /* libuv stops a handle whose socket holds an error. Reading the error takes it off. */
    int error;
    socklen_t size = sizeof error;
    getsockopt(batch_fd(udp->batch), SOL_SOCKET, SO_ERROR, &error, &size);
    watch(udp);
    return;
  }
  if (events & UV_WRITABLE) {
    report(udp, batch_drain(udp->batch));
    if (udp->open && !batch_waits(udp->batch)) watch(udp);
  }
  if ((events & UV_READABLE) == 0 || !udp->open) return;
  uint64_t now = uv_hrtime(), wait = gather_wait(&udp->gather, now);
  if (wait == 0) {
    receive(udp, now);
    return;
  }
  uv_timer_start(&udp->timer, on_gathered, (wait + 999999) / 1000000, 0);
  watch(udp);
}

static void drop_reference(napi_env env, napi_ref *reference) {
  if (*reference != NULL) napi_delete_reference(env, *reference);
  *reference = NULL;
}

static void on_closed(uv_handle_t *handle) {
  struct udp *udp = handle->data;
  /* The first ones leave the rest to the last. */
  handle->data = NULL;
  if (udp->poll.data == NULL && udp->prepare.data == NULL && udp->timer.data == NULL && udp->cleanup != NULL) {
    napi_remove_async_cleanup_hook(udp->cleanup);
  }
  udp_disown(udp);
}

static void close_handles(struct udp *udp) {
  if (!udp->open) return;
  udp->open = 0;
  uv_close((uv_handle_t *)&udp->poll, on_closed);
  uv_close((uv_handle_t *)&udp->prepare, on_closed);
  uv_close((uv_handle_t *)&udp->timer, on_closed);
  batch_close(udp->batch);
}

static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) { close_handles(data); }

int udp_start(struct udp *udp) {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(udp->env, &loop) != napi_ok) return -EINVAL;
  int error = uv_poll_init(loop, &udp->poll, batch_fd(udp->batch));
  if (error < 0) return error;
  uv_prepare_init(loop, &udp->prepare);
  uv_timer_init(loop, &udp->timer);
  udp->poll.data = udp->prepare.data = udp->timer.data = udp;
  udp->owners += 3;
  udp->open = 1;
  napi_add_async_cleanup_hook(udp->env, on_cleanup, udp, &udp->cleanup);
  uv_prepare_start(&udp->prepare, on_prepare);
  /* What keeps the process running is the socket. */
  uv_unref((uv_handle_t *)&udp->prepare);
  watch(udp);
  return 0;
}

void udp_release(struct udp *udp) {
  for (int i = 0; i < FUNCTIONS; i++) drop_reference(udp->env, &udp->functions[i]);
  for (int i = 0; i < MEMORIES; i++) drop_reference(udp->env, &udp->memory[i]);
  drop_reference(udp->env, &udp->arena);
  drop_reference(udp->env, &udp->self);
  if (udp->context != NULL) napi_async_destroy(udp->env, udp->context);
  udp->context = NULL;
}

void udp_close(struct udp *udp) {
  batch_flush(udp->batch);
  close_handles(udp);
  udp_release(udp);
}
