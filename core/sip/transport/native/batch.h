/* Owns the shape of a batched UDP socket: what it shares with its owner and what can be asked of it. No Node in it. */
#ifndef ROLLCALL_BATCH_H
#define ROLLCALL_BATCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
  /* Datagrams taken by one recvmmsg, and given to one sendmmsg. udp-batch.ts has the same numbers. */
  BATCH_IN = 64,
  BATCH_OUT = 128,
  /* Peers told apart without being told anew. */
  PEERS = 16384,

  /* An address in six words: port, scope, then one word for IPv4 and four for IPv6, in network byte order. */
  ADDRESS_WORDS = 6,

  /* The inbox, in words: a head, then for each datagram its offset and length in the arena, its peer, its address. */
  IN_COUNT = 0,
  IN_NEEDED = 1,
  IN_HEAD = 2,
  IN_OFFSET = 0,
  IN_LENGTH = 1,
  IN_PEER = 2,
  IN_ADDRESS = 3,
  IN_STRIDE = IN_ADDRESS + ADDRESS_WORDS,
  IN_WORDS = IN_HEAD + BATCH_IN * IN_STRIDE,
  /* Set in IN_PEER when the number now stands for another address than before. */
  PEER_IS_NEW = 1 << 30,

  /* The outbox, in words: a head, then for each datagram its offset and length in the slab, its ticket, its address. */
  OUT_COUNT = 0,
  OUT_QUEUED_BYTES = 1,
  OUT_SCRATCH = 2,
  OUT_HEAD = OUT_SCRATCH + ADDRESS_WORDS,
  OUT_OFFSET = 0,
  OUT_LENGTH = 1,
  OUT_TICKET = 2,
  OUT_ADDRESS = 3,
  OUT_STRIDE = OUT_ADDRESS + ADDRESS_WORDS,
  OUT_WORDS = OUT_HEAD + BATCH_OUT * OUT_STRIDE,

  /* What did not leave: ticket and errno of each. */
  FAILED_WORDS = 2 * BATCH_OUT,
};

struct batch;

/* Memory that the owner provides and keeps until batch_free. */
struct shared {
  int32_t *inbox;
  int32_t *outbox;
  int32_t *failed;
  const uint8_t *slab;
  size_t slab_size;
};

/*
 * NULL when there is no memory. Takes over `fd`, a non-blocking UDP socket of `family`. `bundle`: datagrams of one peer cross
 * the network stack as one.
 */
struct batch *batch_new(int fd, int family, int bundle, struct shared shared);
int batch_fd(const struct batch *batch);
int batch_family(const struct batch *batch);
/* Closes the socket; nothing else may be asked of it then but batch_free, which frees everything. */
void batch_close(struct batch *batch);
void batch_free(struct batch *batch);

/* Takes what has come, at most BATCH_IN datagrams; their number. */
int batch_receive(struct batch *batch);
/*
 * Copies received datagrams, from number `first` on, into the arena from `*used` on as far as they fit, and describes them
 * in the inbox: how many (IN_COUNT), and how many bytes the next one needs that did not fit (IN_NEEDED, 0 when all did).
 * The number of that next one.
 */
int batch_unpack(struct batch *batch, int first, uint8_t *arena, size_t size, size_t *used);

/* Sends what the outbox holds, and keeps what the kernel does not take. The number of pairs in `failed`. */
int batch_flush(struct batch *batch);
/* Whether something is kept that waits for the kernel. */
int batch_waits(const struct batch *batch);
/* Sends what is kept, as far as the kernel takes it. The number of pairs in `failed`. */
int batch_drain(struct batch *batch);

/* Leaves the words of an address in the outbox; the address of an entry of the inbox, 0 when there is no such entry. */
void batch_scratch(struct batch *batch, const struct sockaddr_storage *address);
int batch_source(const struct batch *batch, int entry, struct sockaddr_storage *address);

/* An address and words, each from the other. */
socklen_t address_from_words(int family, const int32_t *words, struct sockaddr_storage *address);
void address_to_words(const struct sockaddr_storage *address, int32_t *words);
/* Reads a numeric address with its zone; 0 when it is none of this family. */
int address_parse(int family, const char *text, int port, struct sockaddr_storage *address);
/* Writes it with the zone of a link-local one, without the port; 0 when that cannot be. */
int address_print(const struct sockaddr_storage *address, char *text, size_t size);

#endif
