/* Owns what JavaScript can call: new UdpSocket(…) and its methods. Every argument is checked. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "udp.h"

static const napi_type_tag tag = {0x7d21c5b04be94a0full, 0xa3f0c1de58274b66ull};

static napi_value fail(napi_env env, const char *what, int error) {
  char text[256];
  napi_value code, message, result;
  const char *name = uv_err_name(-error);
  snprintf(text, sizeof text, "%s %s", what, name);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  if (napi_create_error(env, code, message, &result) == napi_ok) napi_throw(env, result);
  return NULL;
}

/* The socket of `this`, and the arguments; NULL, with an exception, when it is closed or none. */
static struct udp *unwrap(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  napi_value self;
  bool ours = false;
  struct udp *udp = NULL;
  napi_get_cb_info(env, info, &count, arguments, &self, NULL);
  napi_check_object_type_tag(env, self, &tag, &ours);
  if (ours) napi_unwrap(env, self, (void **)&udp);
  if (udp != NULL && udp->open) return udp;
  fail(env, "udp socket", EBADF);
  return NULL;
}

/* close(): what was queued is sent, as far as the kernel takes it at once. */
static napi_value close_socket(napi_env env, napi_callback_info info) {
  struct udp *udp = unwrap(env, info, 0, NULL);
  if (udp != NULL) udp_close(udp);
  return NULL;
}

/* flush(): sends what the outbox holds. The number of failures. */
static napi_value flush_socket(napi_env env, napi_callback_info info) {
  struct udp *udp = unwrap(env, info, 0, NULL);
  napi_value result;
  if (udp == NULL || napi_create_int32(env, udp_flush(udp), &result) != napi_ok) return NULL;
  return result;
}

/* parse(address, port): leaves the words of the address in the outbox. False when it is no address of the socket's family. */
static napi_value parse_address(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  struct udp *udp = unwrap(env, info, 2, arguments);
  char text[128];
  size_t length;
  int32_t port = -1;
  struct sockaddr_storage address;
  if (udp == NULL) return NULL;
  int good = napi_get_value_string_utf8(env, arguments[0], text, sizeof text, &length) == napi_ok &&
             length < sizeof text - 1 && napi_get_value_int32(env, arguments[1], &port) == napi_ok &&
             address_parse(batch_family(udp->batch), text, port, &address);
  if (good) batch_scratch(udp->batch, &address);
  napi_get_boolean(env, good, &result);
  return result;
}

/* print(n): the address that entry n of the inbox came from. */
static napi_value print_address(napi_env env, napi_callback_info info) {
  napi_value index, result;
  struct udp *udp = unwrap(env, info, 1, &index);
  int32_t entry;
  char text[INET6_ADDRSTRLEN + 32];
  struct sockaddr_storage address;
  if (udp == NULL) return NULL;
  if (napi_get_value_int32(env, index, &entry) != napi_ok || !batch_source(udp->batch, entry, &address) ||
      !address_print(&address, text, sizeof text)) {
    return fail(env, "print", EINVAL);
  }
  napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

/* buffer(receive, bytes): asks the kernel for that much room, unless 0, and says what it has granted. */
static napi_value buffer_size(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  struct udp *udp = unwrap(env, info, 2, arguments);
  bool receive;
  double wanted;
  if (udp == NULL) return NULL;
  if (napi_get_value_bool(env, arguments[0], &receive) != napi_ok ||
      napi_get_value_double(env, arguments[1], &wanted) != napi_ok || !(wanted >= 0 && wanted <= INT32_MAX)) {
    return fail(env, "buffer", EINVAL);
  }
  int option = receive ? SO_RCVBUF : SO_SNDBUF, bytes = (int)wanted, fd = batch_fd(udp->batch);
  socklen_t size = sizeof bytes;
  if (bytes > 0 && setsockopt(fd, SOL_SOCKET, option, &bytes, size) < 0) return fail(env, "setsockopt", errno);
  if (getsockopt(fd, SOL_SOCKET, option, &bytes, &size) < 0) return fail(env, "getsockopt", errno);
  napi_create_int32(env, bytes, &result);
  return result;
}

/* port(): the one that the socket is bound to. */
static napi_value bound_port(napi_env env, napi_callback_info info) {
  struct udp *udp = unwrap(env, info, 0, NULL);
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  int32_t words[ADDRESS_WORDS];
  napi_value result;
  if (udp == NULL) return NULL;
  if (getsockname(batch_fd(udp->batch), (struct sockaddr *)&address, &size) < 0) return fail(env, "getsockname", errno);
  address_to_words(&address, words);
  napi_create_int32(env, words[0], &result);
  return result;
}

/* A bound socket that does not block; below 0: a negative errno. */
static int bind_socket(int family, const struct sockaddr_storage *address) {
  int only = 1;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  /* 0.0.0.0 and [::] are two listen points that may share a port. */
  if ((family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0) ||
      bind(fd, (const struct sockaddr *)address, size) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

static void on_collected(napi_env env, void *data, void *hint) { udp_disown(data); }

/* new UdpSocket(address, port, bundle, gather, inbox, outbox, failed, slab, arena, onArrivals, onFailures): throws when it cannot be bound. */
static napi_value construct(napi_env env, napi_callback_info info) {
  enum { ADDRESS, PORT, BUNDLE, GATHER, FIRST_MEMORY, ARENA = FIRST_MEMORY + MEMORIES, FIRST_FUNCTION, COUNT = FIRST_FUNCTION + FUNCTIONS };
  napi_value arguments[COUNT], self, name;
  size_t count = COUNT, length, size;
  char text[128];
  int32_t port, gather;
  bool bundle;
  struct sockaddr_storage address;
  if (napi_get_cb_info(env, info, &count, arguments, &self, NULL) != napi_ok || count != COUNT ||
      napi_get_value_string_utf8(env, arguments[ADDRESS], text, sizeof text, &length) != napi_ok ||
      length >= sizeof text - 1 || napi_get_value_int32(env, arguments[PORT], &port) != napi_ok ||
      napi_get_value_bool(env, arguments[BUNDLE], &bundle) != napi_ok ||
      napi_get_value_int32(env, arguments[GATHER], &gather) != napi_ok || gather < 0) {
    return fail(env, "udp socket", EINVAL);
  }
  static const size_t words[] = {[INBOX] = IN_WORDS, [OUTBOX] = OUT_WORDS, [FAILED] = FAILED_WORDS};
  int32_t *numbers[SLAB];
  for (int i = 0; i < SLAB; i++) {
    numbers[i] = memory_of(env, arguments[FIRST_MEMORY + i], napi_int32_array, words[i] * sizeof(int32_t), &size);
    if (numbers[i] == NULL) return fail(env, "memory", EINVAL);
  }
  for (int i = 0; i < FUNCTIONS; i++) {
    napi_valuetype type;
    napi_typeof(env, arguments[FIRST_FUNCTION + i], &type);
    if (type != napi_function) return fail(env, "function", EINVAL);
  }
  struct shared shared = {numbers[INBOX], numbers[OUTBOX], numbers[FAILED], NULL, 0};
  shared.slab = memory_of(env, arguments[FIRST_MEMORY + SLAB], napi_uint8_array, 1, &shared.slab_size);
  if (shared.slab == NULL) return fail(env, "slab", EINVAL);
  int family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
  if (!address_parse(family, text, port, &address)) return fail(env, "bind", EINVAL);
  int fd = bind_socket(family, &address);
  if (fd < 0) return fail(env, "bind", -fd);
  struct udp *udp = calloc(1, sizeof *udp);
  struct batch *batch = udp == NULL ? NULL : batch_new(fd, family, bundle, shared);
  if (batch == NULL) {
    free(udp);
    close(fd);
    return fail(env, "udp socket", ENOMEM);
  }
  udp->owners = 1;
  udp->env = env;
  udp->batch = batch;
  udp->gather.span = (uint64_t)gather * 1000000;
  if (!udp_adopt(udp, arguments[ARENA]) || napi_wrap(env, self, udp, on_collected, NULL, NULL) != napi_ok) {
    udp_disown(udp);
    return fail(env, "arena", EINVAL);
  }
  /* From here on the object in JavaScript owns it. */
  napi_type_tag_object(env, self, &tag);
  napi_create_reference(env, self, 1, &udp->self);
  for (int i = 0; i < MEMORIES; i++) napi_create_reference(env, arguments[FIRST_MEMORY + i], 1, &udp->memory[i]);
  for (int i = 0; i < FUNCTIONS; i++) napi_create_reference(env, arguments[FIRST_FUNCTION + i], 1, &udp->functions[i]);
  napi_create_string_utf8(env, "rollcall.udp", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &udp->context);
  int error = udp_start(udp);
  if (error == 0) return self;
  udp_release(udp);
  return fail(env, "poll", -error);
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor methods[] = {
      {"flush", NULL, flush_socket, NULL, NULL, NULL, napi_default, NULL},
      {"parse", NULL, parse_address, NULL, NULL, NULL, napi_default, NULL},
      {"print", NULL, print_address, NULL, NULL, NULL, napi_default, NULL},
      {"buffer", NULL, buffer_size, NULL, NULL, NULL, napi_default, NULL},
      {"port", NULL, bound_port, NULL, NULL, NULL, napi_default, NULL},
      {"close", NULL, close_socket, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_value constructor;
  napi_define_class(env, "UdpSocket", NAPI_AUTO_LENGTH, construct, NULL, sizeof methods / sizeof *methods, methods,
                    &constructor);
  napi_set_named_property(env, exports, "UdpSocket", constructor);
  return exports;
}
