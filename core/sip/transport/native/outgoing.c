/* Owns sending: many datagrams in one system call, those of one peer bundled, and what the kernel did not take. */
#include "outgoing.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

enum {
  /* What fits into an Ethernet frame, and into a datagram; how many segments the kernel takes at once. */
  LARGEST_BUNDLED = 1452,
  BUNDLE_BYTES = 65000,
  BUNDLE_SEGMENTS = 64,
  /* Among so many peers of a turn datagrams of the same are looked for. */
  NEAR_PEERS = 8,
};

/* Linux before 4.18 and what imitates it would take the demand to cut for nothing, and send one large datagram. */
static int kernel_cuts(int fd) {
  int off = 0;
  return setsockopt(fd, SOL_UDP, UDP_SEGMENT, &off, sizeof off) == 0;
}

void outgoing_init(struct outgoing *outgoing, int fd, int family, int bundle, struct shared shared) {
  outgoing->fd = fd;
  outgoing->family = family;
  outgoing->shared = shared;
  outgoing->end = &outgoing->oldest;
  outgoing->bundled_up_to = bundle && kernel_cuts(fd) ? LARGEST_BUNDLED : 0;
}

void outgoing_clear(struct outgoing *outgoing) {
  while (outgoing->oldest != NULL) {
    struct waiting *next = outgoing->oldest->next;
    free(outgoing->oldest);
    outgoing->oldest = next;
  }
  outgoing->end = &outgoing->oldest;
}

static void fail(struct outgoing *outgoing, int32_t ticket, int error) {
  if (outgoing->failures >= BATCH_OUT) return;
  outgoing->shared.failed[2 * outgoing->failures] = ticket;
  outgoing->shared.failed[2 * outgoing->failures + 1] = error;
  outgoing->failures++;
}

static void keep(struct outgoing *outgoing, int i) {
  size_t length = outgoing->bytes[i].iov_len;
  struct waiting *waiting = malloc(sizeof *waiting + length);
  if (waiting == NULL) {
    fail(outgoing, outgoing->tickets[i], ENOMEM);
    return;
  }
  waiting->next = NULL;
  waiting->to = outgoing->to[i];
  waiting->ticket = outgoing->tickets[i];
  waiting->length = length;
  memcpy(waiting->bytes, outgoing->bytes[i].iov_base, length);
  *outgoing->end = waiting;
  outgoing->end = &waiting->next;
  outgoing->shared.outbox[OUT_QUEUED_BYTES] += (int32_t)(sizeof *waiting + length);
}

static void drop_oldest(struct outgoing *outgoing) {
  struct waiting *sent = outgoing->oldest;
  outgoing->oldest = sent->next;
  if (outgoing->oldest == NULL) outgoing->end = &outgoing->oldest;
  outgoing->shared.outbox[OUT_QUEUED_BYTES] -= (int32_t)(sizeof *sent + sent->length);
  free(sent);
}

static socklen_t address_size(const struct outgoing *outgoing) {
  return outgoing->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/*
 * How many datagrams from number `first` on go as one message, which the kernel cuts into segments of one size, the last one
 * maybe shorter (UDP_SEGMENT, udp(7)): it crosses the network stack once. The receiver sees datagrams as ever.
 */
static int bundle_at(const struct outgoing *outgoing, int first) {
  size_t size = outgoing->bytes[first].iov_len, total = size;
  if (size == 0 || size > outgoing->bundled_up_to) return 1;
  int n = 1;
  while (first + n < outgoing->count && n < BUNDLE_SEGMENTS) {
    size_t length = outgoing->bytes[first + n].iov_len;
    total += length;
    if (length == 0 || length > size || total > BUNDLE_BYTES) break;
    if (memcmp(&outgoing->to[first + n], &outgoing->to[first], address_size(outgoing)) != 0) break;
    n++;
    if (length < size) break;
  }
  return n;
}

/* Makes messages of the datagrams from number `first` on, those before number `alone` unbundled. How many. */
static int prepare(struct outgoing *outgoing, int first, int alone) {
  int count = 0;
  for (int i = first; i < outgoing->count; count++) {
    struct msghdr *message = &outgoing->messages[count].msg_hdr;
    int n = i < alone ? 1 : bundle_at(outgoing, i);
    memset(message, 0, sizeof *message);
    message->msg_name = &outgoing->to[i];
    message->msg_namelen = address_size(outgoing);
    message->msg_iov = &outgoing->bytes[i];
    message->msg_iovlen = (size_t)n;
    if (n > 1) {
      uint16_t size = (uint16_t)outgoing->bytes[i].iov_len;
      message->msg_control = outgoing->controls[count];
      message->msg_controllen = CMSG_SPACE(sizeof size);
      struct cmsghdr *control = CMSG_FIRSTHDR(message);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof size);
      memcpy(CMSG_DATA(control), &size, sizeof size);
    }
    i += n;
  }
  return count;
}

/* Gives all to the kernel. The number of those that are settled: sent, or failed for themselves; the rest has no room. */
static int transmit(struct outgoing *outgoing) {
  /* A bundle that was refused goes datagram by datagram. If its first one leaves then, bundling it was the fault. */
  int done = 0, alone = 0, suspect = -1, reason = 0;
  while (done < outgoing->count) {
    int messages = prepare(outgoing, done, alone);
    int sent = sendmmsg(outgoing->fd, outgoing->messages, (unsigned)messages, MSG_DONTWAIT);
    if (sent > 0) {
      /* A path that takes smaller frames only, or a device that cuts nothing. */
      if (done == suspect) outgoing->bundled_up_to = reason == EINVAL || reason == EMSGSIZE ? outgoing->bytes[done].iov_len - 1 : 0;
      for (int i = 0; i < sent; i++) done += (int)outgoing->messages[i].msg_hdr.msg_iovlen;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      break;
    } else if (errno != EINTR && outgoing->messages[0].msg_hdr.msg_iovlen > 1) {
      reason = errno;
      suspect = done;
      alone = done + (int)outgoing->messages[0].msg_hdr.msg_iovlen;
    } else if (errno != EINTR) {
      fail(outgoing, outgoing->tickets[done], errno);
      done++;
    }
  }
  return done;
}

/* The datagrams of the outbox, those of one peer one behind the other in the order in which they were written. */
static void take(struct outgoing *outgoing, int entries) {
  const int32_t *first = outgoing->shared.outbox + OUT_HEAD;
  int heads[BATCH_OUT], tails[BATCH_OUT], next[BATCH_OUT], groups = 0;
  for (int i = 0; i < entries; i++) {
    const int32_t *entry = first + i * OUT_STRIDE;
    int64_t offset = entry[OUT_OFFSET], length = entry[OUT_LENGTH];
    if (offset < 0 || length < 0 || offset + length > (int64_t)outgoing->shared.slab_size) {
      fail(outgoing, entry[OUT_TICKET], EINVAL);
      continue;
    }
    next[i] = -1;
    int group = groups - 1;
    for (; group >= 0 && group >= groups - NEAR_PEERS; group--) {
      const int32_t *head = first + heads[group] * OUT_STRIDE;
      if (memcmp(head + OUT_ADDRESS, entry + OUT_ADDRESS, ADDRESS_WORDS * sizeof *entry) == 0) break;
    }
    if (group < 0 || group < groups - NEAR_PEERS) {
      heads[groups] = tails[groups] = i;
      groups++;
    } else {
      next[tails[group]] = i;
      tails[group] = i;
    }
  }
  outgoing->count = 0;
  for (int group = 0; group < groups; group++) {
    for (int i = heads[group]; i >= 0; i = next[i]) {
      const int32_t *entry = first + i * OUT_STRIDE;
      int n = outgoing->count++;
      outgoing->tickets[n] = entry[OUT_TICKET];
      outgoing->bytes[n] = (struct iovec){(void *)(outgoing->shared.slab + entry[OUT_OFFSET]), (size_t)entry[OUT_LENGTH]};
      address_from_words(outgoing->family, entry + OUT_ADDRESS, &outgoing->to[n]);
    }
  }
}

int outgoing_flush(struct outgoing *outgoing) {
  int entries = outgoing->shared.outbox[OUT_COUNT];
  outgoing->shared.outbox[OUT_COUNT] = 0;
  outgoing->failures = 0;
  if (entries <= 0 || entries > BATCH_OUT) return 0;
  take(outgoing, entries);
  /* What waits goes first. */
  int done = outgoing->oldest == NULL ? transmit(outgoing) : 0;
  for (; done < outgoing->count; done++) keep(outgoing, done);
  return outgoing->failures;
}

int outgoing_waits(const struct outgoing *outgoing) { return outgoing->oldest != NULL; }

int outgoing_drain(struct outgoing *outgoing) {
  outgoing->failures = 0;
  outgoing->count = 0;
  for (struct waiting *one = outgoing->oldest; one != NULL && outgoing->count < BATCH_OUT; one = one->next) {
    int n = outgoing->count++;
    outgoing->tickets[n] = one->ticket;
    outgoing->bytes[n] = (struct iovec){one->bytes, one->length};
    outgoing->to[n] = one->to;
  }
  int done = transmit(outgoing);
  while (done-- > 0) drop_oldest(outgoing);
  return outgoing->failures;
}
