// Owns why modules and core settings of Kamailio and OpenSIPS have no counterpart, as far as the core itself takes their place.

const transactions = 'transactions belong to the core: a retransmission is answered before the script runs';
const scripts = 'a routing script in TypeScript has the language’s own means';
const steering = 'the control socket takes its place: `control: unix:PATH` in the config, `rollcall ctl`';
const processes = 'one process serves all requests; more nodes on one database serve more';
const memory = 'there is no pool of memory to size';
const logging = 'logs go to standard error: the service manager keeps them';
const anyDomain = 'every domain is served; a script that serves some only says so itself';
const measured = 'what it counts is counted by the core: load prometheus';

/** Modules by their name there. */
export const modulesElsewhere: ReadonlyMap<string, string> = new Map([
  ['tm', transactions],
  ['tmx', transactions],
  ['signaling', transactions],
  ['pv', scripts],
  ['cfgutils', scripts],
  ['textopsx', scripts],
  ['siputils', scripts],
  ['kex', scripts],
  ['corex', scripts],
  ['app_lua', scripts],
  ['app_python3', scripts],
  ['app_jsdt', scripts],
  ['ctl', steering],
  ['cfg_rpc', steering],
  ['jsonrpcs', steering],
  ['xmlrpc', steering],
  ['mi_rpc', steering],
  ['mi_fifo', steering],
  ['mi_datagram', steering],
  ['mi_http', steering],
  ['statistics', measured],
  ['counters', measured],
  ['xhttp_prom', measured],
  ['proto_udp', '`listen` names the protocol'],
  ['proto_tcp', '`listen` names the protocol'],
  ['dmq', 'servers that share state share a database'],
  ['clusterer', 'servers that share state share a database'],
]);

/** Settings by their name there. */
export const settingsElsewhere: ReadonlyMap<string, string> = new Map([
  ['children', processes],
  ['tcp_children', processes],
  ['socket_workers', processes],
  ['udp_workers', processes],
  ['tcp_workers', processes],
  ['fork', 'it serves in the foreground; the service manager does the rest (etc/systemd)'],
  ['daemonize', 'it serves in the foreground; the service manager does the rest (etc/systemd)'],
  ['shm_mem_size', memory],
  ['pkg_mem_size', memory],
  ['mem_join', memory],
  ['memlog', memory],
  ['memdbg', memory],
  ['memsum', memory],
  ['log_stderror', logging],
  ['stderror_enabled', logging],
  ['syslog_enabled', logging],
  ['log_facility', logging],
  ['log_name', logging],
  ['log_prefix', logging],
  ['xlog_log_level', logging],
  ['alias', anyDomain],
  ['auto_aliases', anyDomain],
  ['domain', anyDomain],
  ['user', 'it runs as whoever starts it'],
  ['group', 'it runs as whoever starts it'],
  ['force_rport', 'responses always go back to where the request came from'],
  ['mhomed', 'a NOTIFY leaves by the socket its SUBSCRIBE came to'],
]);
