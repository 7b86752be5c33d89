/* Owns what is known of the pace at which a socket is read. No clock in it. */
#ifndef ROLLCALL_GATHER_H
#define ROLLCALL_GATHER_H

#include <stdint.h>

struct gather {
  /* ns from one reading to the next while much comes; 0: a socket is always read at once. */
  uint64_t span;
  uint64_t read_at;
  /* What came in the last moment, when it began, and how much. */
  uint64_t moment_at;
  uint32_t moment;
  /* Until then waiting is not worth it. */
  uint64_t idle_until;
  int gathers;
  /* So much came at once that waiting would bring little. */
  int enough;
  int waited;
};

/* ns for which what has come is to wait for more; 0: it is to be read. */
uint64_t gather_wait(struct gather *gather, uint64_t now);
/* The socket was read, and so many datagrams were there. */
void gather_note(struct gather *gather, uint64_t now, int received);

#endif
