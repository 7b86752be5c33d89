/* Owns the system calls of a UDP socket that takes and gives many datagrams at once, and what the kernel did not take. */
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest datagram there is, and a distance that keeps the slots from falling into the same lines of the cache. */
enum { SLOT = 65536, SLOT_STRIDE = SLOT + 17 * 64 };

/* A datagram that waits until the kernel has room. */
struct waiting {
  struct waiting *next;
  struct sockaddr_storage to;
  socklen_t to_length;
  int32_t ticket;
  size_t length;
  uint8_t bytes[];
};

struct batch {
  int fd;
  int family;
  struct shared shared;
  int received;
  int failures;
  struct waiting *oldest;
  struct waiting **end;
  uint8_t *slots;
  struct mmsghdr in[BATCH_IN];
  struct iovec in_bytes[BATCH_IN];
  struct sockaddr_storage from[BATCH_IN];
  struct mmsghdr out[BATCH_OUT];
  struct iovec out_bytes[BATCH_OUT];
  struct sockaddr_storage to[BATCH_OUT];
  int32_t peers[PEERS][ADDRESS_WORDS];
};

struct batch *batch_new(int fd, int family, struct shared shared) {
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
  batch->end = &batch->oldest;
  for (int i = 0; i < BATCH_IN; i++) {
    batch->in_bytes[i] = (struct iovec){batch->slots + (size_t)i * SLOT_STRIDE, SLOT};
    batch->in[i].msg_hdr.msg_iov = &batch->in_bytes[i];
    batch->in[i].msg_hdr.msg_iovlen = 1;
    batch->in[i].msg_hdr.msg_name = &batch->from[i];
  }
  for (int i = 0; i < BATCH_OUT; i++) {
    batch->out[i].msg_hdr.msg_iov = &batch->out_bytes[i];
    batch->out[i].msg_hdr.msg_iovlen = 1;
    batch->out[i].msg_hdr.msg_name = &batch->to[i];
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
  while (batch->oldest != NULL) {
    struct waiting *next = batch->oldest->next;
    free(batch->oldest);
    batch->oldest = next;
  }
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

static void fail(struct batch *batch, int32_t ticket, int error) {
  if (batch->failures >= BATCH_OUT) return;
  batch->shared.failed[2 * batch->failures] = ticket;
  batch->shared.failed[2 * batch->failures + 1] = error;
  batch->failures++;
}

static void keep(struct batch *batch, const struct msghdr *message, int32_t ticket) {
  size_t length = message->msg_iov->iov_len;
  struct waiting *waiting = malloc(sizeof *waiting + length);
  if (waiting == NULL) {
    fail(batch, ticket, ENOMEM);
    return;
  }
  waiting->next = NULL;
  memcpy(&waiting->to, message->msg_name, message->msg_namelen);
  waiting->to_length = message->msg_namelen;
  waiting->ticket = ticket;
  waiting->length = length;
  memcpy(waiting->bytes, message->msg_iov->iov_base, length);
  *batch->end = waiting;
  batch->end = &waiting->next;
  batch->shared.outbox[OUT_QUEUED_BYTES] += (int32_t)(sizeof *waiting + length);
}

static void drop_oldest(struct batch *batch) {
  struct waiting *sent = batch->oldest;
  batch->oldest = sent->next;
  if (batch->oldest == NULL) batch->end = &batch->oldest;
  batch->shared.outbox[OUT_QUEUED_BYTES] -= (int32_t)(sizeof *sent + sent->length);
  free(sent);
}

/*
 * Gives `count` prepared messages to the kernel; `tickets` are theirs. The number of those that are settled: sent, or
 * failed for themselves. Fewer than `count`: the kernel has no room at present.
 */
static int transmit(struct batch *batch, int count, const int32_t *tickets) {
  int done = 0;
  while (done < count) {
    int sent = sendmmsg(batch->fd, batch->out + done, (unsigned)(count - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += sent;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      break;
    } else if (errno != EINTR) {
      fail(batch, tickets[done], errno);
      done++;
    }
  }
  return done;
}

int batch_flush(struct batch *batch) {
  int32_t *outbox = batch->shared.outbox;
  int entries = outbox[OUT_COUNT];
  outbox[OUT_COUNT] = 0;
  batch->failures = 0;
  if (entries < 0 || entries > BATCH_OUT) return 0;
  int32_t tickets[BATCH_OUT];
  int count = 0;
  for (int i = 0; i < entries; i++) {
    const int32_t *entry = outbox + OUT_HEAD + i * OUT_STRIDE;
    int64_t offset = entry[OUT_OFFSET], length = entry[OUT_LENGTH];
    if (offset < 0 || length < 0 || offset + length > (int64_t)batch->shared.slab_size) {
      fail(batch, entry[OUT_TICKET], EINVAL);
      continue;
    }
    tickets[count] = entry[OUT_TICKET];
    batch->out_bytes[count] = (struct iovec){(void *)(batch->shared.slab + offset), (size_t)length};
    batch->out[count].msg_hdr.msg_namelen = address_from_words(batch->family, entry + OUT_ADDRESS, &batch->to[count]);
    count++;
  }
  /* What waits goes first. */
  int done = batch->oldest == NULL ? transmit(batch, count, tickets) : 0;
  for (; done < count; done++) keep(batch, &batch->out[done].msg_hdr, tickets[done]);
  return batch->failures;
}

int batch_waits(const struct batch *batch) { return batch->oldest != NULL; }

int batch_drain(struct batch *batch) {
  int32_t tickets[BATCH_OUT];
  batch->failures = 0;
  int count = 0;
  for (struct waiting *one = batch->oldest; one != NULL && count < BATCH_OUT; one = one->next) {
    tickets[count] = one->ticket;
    batch->out_bytes[count] = (struct iovec){one->bytes, one->length};
    memcpy(&batch->to[count], &one->to, one->to_length);
    batch->out[count].msg_hdr.msg_namelen = one->to_length;
    count++;
  }
  int done = transmit(batch, count, tickets);
  while (done-- > 0) drop_oldest(batch);
  return batch->failures;
}

void batch_scratch(struct batch *batch, const struct sockaddr_storage *address) {
  address_to_words(address, batch->shared.outbox + OUT_SCRATCH);
}

int batch_source(const struct batch *batch, int entry, struct sockaddr_storage *address) {
  if (entry < 0 || entry >= batch->shared.inbox[IN_COUNT] || entry >= BATCH_IN) return 0;
  address_from_words(batch->family, batch->shared.inbox + IN_HEAD + entry * IN_STRIDE + IN_ADDRESS, address);
  return 1;
}
