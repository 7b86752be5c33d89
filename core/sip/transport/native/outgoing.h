/* Owns the shape of what a socket has to send. */
#ifndef ROLLCALL_OUTGOING_H
#define ROLLCALL_OUTGOING_H

#include "batch.h"

/* A datagram that waits until the kernel has room. */
struct waiting {
  struct waiting *next;
  struct sockaddr_storage to;
  int32_t ticket;
  size_t length;
  uint8_t bytes[];
};

struct outgoing {
  int fd;
  int family;
  struct shared shared;
  int failures;
  /* Datagrams of up to this size are bundled, which is less once the kernel has refused it. 0: none. */
  size_t bundled_up_to;
  struct waiting *oldest;
  struct waiting **end;
  /* The datagrams of this call in the order in which they are sent. */
  int count;
  int32_t tickets[BATCH_OUT];
  struct sockaddr_storage to[BATCH_OUT];
  struct iovec bytes[BATCH_OUT];
  /* And the messages that they are sent by. */
  struct mmsghdr messages[BATCH_OUT];
  uint64_t controls[BATCH_OUT][8];
};

void outgoing_init(struct outgoing *outgoing, int fd, int family, int bundle, struct shared shared);
void outgoing_clear(struct outgoing *outgoing);
/* batch_flush, batch_waits and batch_drain. */
int outgoing_flush(struct outgoing *outgoing);
int outgoing_waits(const struct outgoing *outgoing);
int outgoing_drain(struct outgoing *outgoing);

#endif
