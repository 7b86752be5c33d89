/* Owns when a socket is read: at once, or while much comes a moment later, together with what comes meanwhile. */
#include "gather.h"

enum {
  /* Datagrams that make a gathering worth it: whoever asks one thing after the other would only wait. */
  WORTH = 3,
  /* Datagrams that come at once when each costs little more than in a larger batch. */
  ENOUGH = 16,
  /* ns in which twice as many come when it may be worth it, and ns before it is tried again when it was not. */
  MOMENT = 2000000,
  IDLE = 50000000,
};

uint64_t gather_wait(struct gather *gather, uint64_t now) {
  uint64_t since = now - gather->read_at;
  if (!gather->gathers || gather->enough || since >= gather->span) return 0;
  gather->waited = 1;
  return gather->span - since;
}

void gather_note(struct gather *gather, uint64_t now, int received) {
  int waited = gather->waited;
  gather->waited = 0;
  gather->read_at = now;
  gather->enough = !waited && received >= ENOUGH;
  if (gather->gathers) {
    if (!waited || received >= WORTH) return;
    gather->gathers = 0;
    gather->idle_until = now + IDLE;
    return;
  }
  if (now - gather->moment_at >= MOMENT) {
    gather->moment_at = now;
    gather->moment = 0;
  }
  gather->moment += received;
  gather->gathers = gather->moment >= 2 * WORTH && now >= gather->idle_until;
}
