// Owns the parameters of presence: the seed's nine, and those that keep Kamailio's name and meaning.
import { databaseUrlParam, declareParams } from '../../core/api';
import { endings, readEnding } from './ending';

const tokenCharacters = /^[A-Za-z0-9.!%*_+`'~-]{0,64}$/;

function sipUriOrNothing(value: string): string | undefined {
  return /^sips?:[^\s<>"]{1,240}$/i.test(value) ? undefined : 'must be a SIP URI such as sip:presence.example.org:5060';
}

export const params = declareParams({
  db_url: databaseUrlParam(
    'Where state is kept: `sqlite:PATH` (relative to the config file) or `mysql://user:password@host[:port]/database`. Unset: in memory only, with a warning at start.',
  ),
  clean_period: {
    type: 'integer',
    default: 100,
    min: 1,
    max: 86_400,
    unit: 's',
    live: true,
    doc: 'How often the database is searched for records that end before the next search; each of them then ends within a second of its time.',
  },
  to_tag_pref: {
    type: 'string',
    default: '10',
    doc: 'Prefix of every To tag that the module makes.',
    check: (value) =>
      tokenCharacters.test(value) ? undefined : 'must hold at most 64 characters, those that a SIP tag may hold',
  },
  totag_avpid: {
    type: 'integer',
    default: 25,
    min: 0,
    doc: 'Id of the AVP that holds the To tag. `handle_subscribe` uses the tag that a script put there, else makes one and puts it there: `avp(req, 25)`.',
  },
  lock_set_size: {
    type: 'integer',
    default: 8,
    min: 1,
    max: 1024,
    doc: 'Number of stripes of the lock that serialises read, change and write of one resource. Requests that wait for one stripe are decided together and stored in one transaction.',
  },
  expires_offset: {
    type: 'integer',
    default: 0,
    min: 0,
    unit: 's',
    live: true,
    doc: 'Subtracted from Expires in the 200 to a PUBLISH (never below 1), so that the client refreshes before the publication ends.',
  },
  force_active: {
    type: 'boolean',
    default: false,
    doc: '1: every subscription is active at once. 0: the presentity’s pres-rules document in the table `xcap` decides; without one the subscription stays pending and its NOTIFYs have no body.',
  },
  xcapauth_userdel_reason: {
    type: 'string',
    default: 'probation',
    doc: 'Why an active subscription ends when the presentity’s rules say nothing of its watcher any more, because the rule was taken out, is over, or went with the document: a reason of Subscription-State, for instance `deactivated` or `probation;retry-after=300`. A rule that says block ends it with `rejected`, one that says confirm with `deactivated`.',
    check: (value) => (readEnding(value) === undefined ? `must be ${endings}` : undefined),
  },
  max_expires: {
    type: 'integer',
    default: 3600,
    min: 1,
    max: 4_294_967_295,
    unit: 's',
    live: true,
    doc: 'Ceiling for the Expires of PUBLISH and SUBSCRIBE; a longer one is reduced to it.',
  },
  min_expires: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 86_400,
    unit: 's',
    live: true,
    doc: 'A shorter Expires (but 0) is answered 423 with Min-Expires. 0: off.',
  },
  server_address: {
    type: 'string',
    default: undefined,
    live: true,
    doc: 'SIP URI in the Contact of replies to SUBSCRIBE and PUBLISH and of NOTIFY. Unset: the address of the socket the request came to.',
    check: sipUriOrNothing,
  },
  cluster_secret: {
    type: 'string',
    default: undefined,
    secret: true,
    doc: 'Set on every node when several serve from one database, to the same value: it signs the routes by which they reach one another’s connections. Unset: this is the only node.',
    check: (value) => (value.length >= 16 ? undefined : 'must have at least 16 characters'),
  },
  cluster_address: {
    type: 'string',
    default: undefined,
    doc: 'SIP URI by which the other nodes reach this one, with `;transport=tcp` for TCP. Each node has its own.',
    check: sipUriOrNothing,
  },
  cluster_timeout: {
    type: 'integer',
    default: 10,
    min: 3,
    max: 300,
    unit: 's',
    doc: 'A node that has not written to the database for so long is taken for dead, and the others take up what it owed. It sends no NOTIFY when it could not write for two fifths of it.',
  },
  subs_respond_200: {
    type: 'boolean',
    default: false,
    live: true,
    doc: '1: a SUBSCRIBE is answered 200 whatever its package (RFC 6665). 0: 202 for `presence`, 200 for `presence.winfo`.',
  },
  max_body: {
    type: 'integer',
    default: 65_535,
    min: 256,
    max: 1_048_576,
    unit: 'bytes',
    live: true,
    doc: 'Largest body of a PUBLISH; a larger one is answered 413.',
  },
  max_publications: {
    type: 'integer',
    default: 64,
    min: 1,
    live: true,
    doc: 'How many publications one presentity may have at a time in a package; one more is answered 403.',
  },
  max_subscriptions: {
    type: 'integer',
    default: 32,
    min: 1,
    live: true,
    doc: 'How many subscriptions one watcher may have to one presentity and package; one more is answered 403. Phones that restart leave old ones behind until these expire.',
  },
  waiting_subs_daysno: {
    type: 'integer',
    default: 3,
    min: 0,
    max: 30,
    live: true,
    doc: 'Days after which a watcher on whom the presentity has not decided is given up: with the next refresh while its subscription is pending, and again when it has waited that long after its subscription ended (RFC 3857 §4.7.1). 0: nobody is remembered as waiting, and nobody given up.',
  },
  cache_size: {
    type: 'integer',
    default: 200_000,
    min: 16,
    doc: 'How many resources are kept in memory; others are read from the database when a request names them.',
  },
  presentity_table: { type: 'string', default: 'presentity', doc: 'Table of publications.', check: tableName },
  active_watchers_table: {
    type: 'string',
    default: 'active_watchers',
    doc: 'Table of subscriptions.',
    check: tableName,
  },
  watchers_table: {
    type: 'string',
    default: 'watchers',
    doc: 'Table of what the rules made of each watcher.',
    check: tableName,
  },
});

function tableName(value: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(value) ? undefined : 'must be a plain table name';
}
