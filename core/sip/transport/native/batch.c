/* Owns a UDP socket that takes many datagrams at once, and knows again whom they come from. */
#include "batch.h"
#include "outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest datagram there is, and a distance that keeps the slots from falling into the same lines of the cache. */
enum { SLOT = 65536, SLOT_STRIDE = SLOT + 17 * 64 };

struct batch {
  int fd;
  int family;
  struct shared shared;
  struct outgoing outgoing;
  int received;
  uint8_t *slots;
  struct mmsghdr in[BATCH_IN];
  struct iovec in_bytes[BATCH_IN];
  struct sockaddr_storage from[BATCH_IN];
  int32_t peers[PEERS][ADDRESS_WORDS];
};

struct batch *batch_new(int fd, int family, int bundle, struct shared shared) {
  struct batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL) return NULL;
  batch->slots = malloc((size_t)BATCH_IN * SLOT_STRIDE);
  if (batch->slots == NULL) {
    free(batch);
    return NULL;
  }
  batch->fd = fd;
  batch->family = family;
  batch->shared = shared;
  outgoing_init(&batch->outgoing, fd, family, bundle, shared);
  for (int i = 0; i < BATCH_IN; i++) {
    batch->in_bytes[i] = (struct iovec){batch->slots + (size_t)i * SLOT_STRIDE, SLOT};
    batch->in[i].msg_hdr.msg_iov = &batch->in_bytes[i];
    batch->in[i].msg_hdr.msg_iovlen = 1;
    batch->in[i].msg_hdr.msg_name = &batch->from[i];
  }
  return batch;
}

int batch_fd(const struct batch *batch) { return batch->fd; }

int batch_family(const struct batch *batch) { return batch->family; }

void batch_close(struct batch *batch) {
  if (batch->fd >= 0) close(batch->fd);
  batch->fd = -1;
}

void batch_free(struct batch *batch) {
  outgoing_clear(&batch->outgoing);
  batch_close(batch);
  free(batch->slots);
  free(batch);
}

int batch_receive(struct batch *batch) {
  for (int i = 0; i < BATCH_IN; i++) batch->in[i].msg_hdr.msg_namelen = sizeof batch->from[i];
  int count;
  do count = recvmmsg(batch->fd, batch->in, BATCH_IN, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  batch->received = count < 0 ? 0 : count;
  return batch->received;
}

/* The number of the place that an address has among the peers, with PEER_IS_NEW when another one was there. */
static int32_t peer_of(struct batch *batch, const int32_t *words) {
  uint32_t hash = 0;
  for (int i = 0; i < ADDRESS_WORDS; i++) hash = (hash ^ (uint32_t)words[i]) * 0x9e3779b1u;
  int32_t place = (int32_t)((hash ^ (hash >> 15)) % PEERS);
  if (memcmp(batch->peers[place], words, sizeof batch->peers[place]) == 0) return place;
  memcpy(batch->peers[place], words, sizeof batch->peers[place]);
  return place | PEER_IS_NEW;
}

int batch_unpack(struct batch *batch, int first, uint8_t *arena, size_t size, size_t *used) {
  int32_t *inbox = batch->shared.inbox;
  int count = 0;
  int i = first;
  for (; i < batch->received; i++) {
    size_t length = batch->in[i].msg_len;
    if (length > SLOT || length > size - *used) break;
    int32_t *entry = inbox + IN_HEAD + count * IN_STRIDE;
    memcpy(arena + *used, batch->in_bytes[i].iov_base, length);
    entry[IN_OFFSET] = (int32_t)*used;
    entry[IN_LENGTH] = (int32_t)length;
    address_to_words(&batch->from[i], entry + IN_ADDRESS);
    entry[IN_PEER] = peer_of(batch, entry + IN_ADDRESS);
    *used += length;
    count++;
  }
  inbox[IN_COUNT] = count;
  inbox[IN_NEEDED] = i < batch->received ? (int32_t)batch->in[i].msg_len : 0;
  return i;
}

int batch_flush(struct batch *batch) { return outgoing_flush(&batch->outgoing); }

int batch_waits(const struct batch *batch) { return outgoing_waits(&batch->outgoing); }

int batch_drain(struct batch *batch) { return outgoing_drain(&batch->outgoing); }

void batch_scratch(struct batch *batch, const struct sockaddr_storage *address) {
  address_to_words(address, batch->shared.outbox + OUT_SCRATCH);
}

int batch_source(const struct batch *batch, int entry, struct sockaddr_storage *address) {
  if (entry < 0 || entry >= batch->shared.inbox[IN_COUNT] || entry >= BATCH_IN) return 0;
  address_from_words(batch->family, batch->shared.inbox + IN_HEAD + entry * IN_STRIDE + IN_ADDRESS, address);
  return 1;
}
