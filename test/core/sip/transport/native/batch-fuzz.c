/*
 * Fuzzes native/batch.c against a kernel of its own making: one that takes a part, refuses, interrupts and fails by lot.
 * What was sent must come once, in order and whole, or be told once as failed; descriptions out of bounds must harm nothing.
 * Built with the address sanitizer. batch-fuzz ROUNDS SEED prints what it saw.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

enum { SLAB = 256 * 1024, ARENA = 128 * 1024, MAX_SENT = 1 << 22 };

static uint32_t state;

static uint32_t draw(uint32_t below) {
  state = state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)state * below) >> 32);
}

static void expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "broken: %s\n", what);
  abort();
}

/* The kernel's side of sending: each datagram carries its number, which must rise for each peer. */
enum { TARGETS = 6, MTU = 1000 };
static uint32_t last_number[TARGETS];
static uint64_t delivered, bundled, refused, failed_calls;
static int mood; /* 0: takes all, 1: by lot, 2: takes nothing */

static void take_datagram(const struct iovec *bytes, const struct sockaddr_in6 *to) {
  uint32_t number;
  const uint8_t *at = bytes->iov_base;
  expect(bytes->iov_len >= 8, "its length");
  memcpy(&number, at, 4);
  uint32_t target = number * 7 % TARGETS;
  expect(ntohs(to->sin6_port) == 1 + target, "its port");
  expect(number > last_number[target], "the order");
  last_number[target] = number;
  for (size_t n = 4; n < bytes->iov_len; n++) expect(at[n] == (uint8_t)(number + n), "its bytes");
  delivered++;
}

/* A message of several segments has to say their size, and all have it but the last, which has no more. */
static void check_segments(const struct msghdr *message) {
  if (message->msg_iovlen == 1) {
    expect(message->msg_controllen == 0, "nothing to cut");
    return;
  }
  const struct cmsghdr *control = CMSG_FIRSTHDR(message);
  uint16_t size;
  expect(control != NULL && control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_SEGMENT, "the control message");
  memcpy(&size, CMSG_DATA(control), sizeof size);
  size_t total = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    size_t length = message->msg_iov[i].iov_len;
    expect(i + 1 < message->msg_iovlen ? length == size : length > 0 && length <= size, "the size of a segment");
    total += length;
  }
  expect(message->msg_iovlen <= 64 && total <= 65507, "what the kernel takes");
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  (void)fd;
  expect(count > 0 && count <= BATCH_OUT, "a sensible count");
  expect(flags == MSG_DONTWAIT, "never waits");
  for (unsigned i = 0; i < count; i++) check_segments(&messages[i].msg_hdr);
  if (mood == 2) return errno = EAGAIN, refused++, -1;
  if (mood == 1 && draw(4) == 0) return errno = draw(3) == 0 ? EINTR : draw(2) ? EAGAIN : ENOBUFS, refused++, -1;
  const struct msghdr *first = &messages[0].msg_hdr;
  /* Nobody cuts into segments larger than a frame, and a device may cut nothing at all. */
  if (first->msg_iovlen > 1 && first->msg_iov->iov_len > MTU) return errno = EINVAL, -1;
  if (first->msg_iovlen > 1 && draw(2000) == 0) return errno = EIO, -1;
  if (mood == 1 && first->msg_iovlen == 1 && draw(6) == 0) {
    return errno = draw(2) ? EMSGSIZE : ENETUNREACH, failed_calls++, -1;
  }
  unsigned taken = mood == 1 ? 1 + draw(count) : count;
  if (taken > count) taken = count;
  for (unsigned i = 0; i < taken; i++) {
    if (i > 0 && messages[i].msg_hdr.msg_iovlen > 1 && messages[i].msg_hdr.msg_iov->iov_len > MTU) return (int)i;
    struct msghdr *message = &messages[i].msg_hdr;
    const struct sockaddr_in6 *to = message->msg_name;
    expect(message->msg_namelen == sizeof *to && to->sin6_family == AF_INET6, "its address");
    for (size_t n = 0; n < message->msg_iovlen; n++) take_datagram(&message->msg_iov[n], to);
    if (message->msg_iovlen > 1) bundled++;
  }
  return (int)taken;
}

/* The kernel's side of receiving: sizes by lot, sometimes more than the slot has room for, as if it were cut. */
static uint32_t received_number;

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
  (void)fd, (void)timeout;
  expect(flags == MSG_DONTWAIT && count == BATCH_IN, "asks for a batch");
  if (draw(8) == 0) return errno = draw(2) ? EAGAIN : EINTR, -1;
  unsigned given = 1 + draw(count);
  for (unsigned i = 0; i < given; i++) {
    struct msghdr *message = &messages[i].msg_hdr;
    size_t length = draw(10) == 0 ? draw(65508) : draw(2000);
    uint8_t *bytes = message->msg_iov->iov_base;
    expect(message->msg_iov->iov_len >= 65507, "room for the largest");
    uint32_t number = ++received_number;
    for (size_t n = 0; n < length; n++) bytes[n] = (uint8_t)(number + n);
    struct sockaddr_in6 *from = message->msg_name;
    expect(message->msg_namelen >= sizeof *from, "room for the address");
    memset(from, 0, sizeof *from);
    from->sin6_family = AF_INET6;
    from->sin6_port = htons((uint16_t)(1 + number % 5000));
    from->sin6_scope_id = number % 3;
    from->sin6_addr.s6_addr[15] = (uint8_t)(number % 7);
    message->msg_namelen = sizeof *from;
    messages[i].msg_len = (unsigned)length;
  }
  return (int)given;
}

static int32_t inbox[IN_WORDS], outbox[OUT_WORDS], failed[FAILED_WORDS];

static uint64_t told;

static void count_failures(int failures) {
  expect(failures >= 0 && failures <= BATCH_OUT, "a sensible number of failures");
  for (int i = 0; i < failures; i++) expect(failed[2 * i] > 0 && failed[2 * i + 1] > 0, "ticket and errno");
  told += (uint64_t)failures;
}

static uint64_t send_round(struct batch *batch, uint8_t *slab, uint32_t *number) {
  int count = (int)draw(BATCH_OUT + 1), used = 0, i;
  for (i = 0; i < count; i++) {
    /* Of one size mostly, so that there is something to bundle. */
    int length = draw(3) ? 700 - (int)draw(2) : 8 + (int)(draw(20) == 0 ? draw(60000) : draw(1500));
    if (used + length > SLAB) break;
    uint32_t mine = ++*number;
    memcpy(slab + used, &mine, 4);
    for (int n = 4; n < length; n++) slab[used + n] = (uint8_t)(mine + (uint32_t)n);
    int32_t *entry = outbox + OUT_HEAD + i * OUT_STRIDE;
    entry[OUT_OFFSET] = used;
    entry[OUT_LENGTH] = length;
    entry[OUT_TICKET] = (int32_t)mine;
    memset(entry + OUT_ADDRESS, 0, ADDRESS_WORDS * sizeof *entry);
    entry[OUT_ADDRESS] = (int32_t)(1 + mine * 7 % TARGETS);
    used += length;
  }
  outbox[OUT_COUNT] = i;
  count_failures(batch_flush(batch));
  expect(outbox[OUT_COUNT] == 0, "an empty outbox");
  return (uint64_t)i;
}

/* Words that no sane owner writes. Nothing but the sanitizer judges. */
static void nonsense_round(struct batch *batch) {
  int kept = mood;
  mood = 2;
  for (int i = OUT_HEAD; i < OUT_WORDS; i++) outbox[i] = (int32_t)(draw(4) == 0 ? draw(UINT32_MAX) : draw(SLAB));
  outbox[OUT_COUNT] = (int32_t)(draw(2) ? draw(UINT32_MAX) : draw(BATCH_OUT + 20));
  expect(batch_flush(batch) <= BATCH_OUT, "bounded failures");
  mood = kept;
}

static void receive_round(struct batch *batch, uint32_t *number, int32_t (*peers)[ADDRESS_WORDS]) {
  int count = batch_receive(batch), next = 0;
  /* A small arena now and then: what does not fit has to wait for the next one. */
  size_t size = draw(3) == 0 ? 66000 : ARENA;
  while (next < count) {
    uint8_t *arena = malloc(size);
    size_t used = 0;
    int before = next;
    next = batch_unpack(batch, before, arena, size, &used);
    expect(next > before && inbox[IN_COUNT] == next - before, "progress");
    expect((next < count) == (inbox[IN_NEEDED] > 0 && (size_t)inbox[IN_NEEDED] > size - used) || next == count, "what is needed");
    for (int i = 0; i < inbox[IN_COUNT]; i++) {
      const int32_t *entry = inbox + IN_HEAD + i * IN_STRIDE;
      uint32_t mine = ++*number;
      expect(entry[IN_OFFSET] >= 0 && (size_t)entry[IN_OFFSET] + (size_t)entry[IN_LENGTH] <= used, "inside the arena");
      for (int n = 0; n < entry[IN_LENGTH]; n++) expect(arena[entry[IN_OFFSET] + n] == (uint8_t)(mine + (uint32_t)n), "bytes");
      int32_t *known = peers[entry[IN_PEER] & ~PEER_IS_NEW];
      if (entry[IN_PEER] & PEER_IS_NEW) memcpy(known, entry + IN_ADDRESS, sizeof peers[0]);
      expect(memcmp(known, entry + IN_ADDRESS, sizeof peers[0]) == 0, "the peer");
      expect(entry[IN_ADDRESS] == (int32_t)(1 + mine % 5000), "the port");
    }
    free(arena);
  }
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 1000;
  state = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  int bundle = state % 2;
  uint8_t *slab = malloc(SLAB);
  int32_t(*peers)[ADDRESS_WORDS] = calloc(PEERS, sizeof *peers);
  uint64_t sent = 0, junk = 0;
  uint32_t number = 0, seen = 0;
  struct batch *batch = batch_new(socket(AF_INET6, SOCK_DGRAM, 0), AF_INET6, bundle, (struct shared){inbox, outbox, failed, slab, SLAB});
  for (int round = 0; round < rounds; round++) {
    mood = (int)draw(3);
    sent += send_round(batch, slab, &number);
    mood = (int)draw(3);
    if (batch_waits(batch)) count_failures(batch_drain(batch));
    receive_round(batch, &seen, peers);
  }
  mood = 0;
  while (batch_waits(batch)) count_failures(batch_drain(batch));
  expect(outbox[OUT_QUEUED_BYTES] == 0, "nothing queued at the end");
  expect(delivered + told == sent, "each sent once or told once");
  expect((bundled > 0) == bundle, "bundles when they are wanted");
  expect(told == failed_calls, "as many told as refused for themselves");
  /* What is kept of nonsense is freed with the rest. */
  for (int round = 0; round < rounds / 10 + 1; round++, junk++) {
    nonsense_round(batch);
    batch_free(batch);
    batch = batch_new(socket(AF_INET6, SOCK_DGRAM, 0), AF_INET6, bundle, (struct shared){inbox, outbox, failed, slab, SLAB});
    outbox[OUT_QUEUED_BYTES] = 0;
  }
  batch_free(batch);
  free(slab);
  free(peers);
  printf("%llu sent, %llu failed, %u received, %llu of nonsense\n", (unsigned long long)sent, (unsigned long long)told, seen,
         (unsigned long long)junk);
  return 0;
}
