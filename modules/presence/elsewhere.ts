// Owns what Kamailio's and OpenSIPS's presence parameters are here, and why some of them are nothing.
import type { Elsewhere } from '../../core/api';

const stored = { none: 'everything is stored before it is answered: there are no modes and nothing to flush' };
const noTable = { none: 'there is no hash table to size; cache_size bounds what is kept in memory' };
const noProcesses = {
  none: 'NOTIFYs leave at once, one at a time in a dialog: what changes meanwhile goes into the next',
};
const noCluster = { none: 'servers that share state share a database: any of them serves any request' };
const oneDatabase = { none: 'presence keeps everything in the database of its own db_url' };

export const elsewhere: Elsewhere = {
  'presence_xml.force_active': { is: 'force_active' },
  'presence_xml.xcapauth_userdel_reason': { is: 'xcapauth_userdel_reason' },
  'presence.max_expires_subscribe': { is: 'max_expires' },
  'presence.max_expires_publish': { is: 'max_expires' },
  'presence.subs_db_mode': stored,
  'presence.publ_cache': stored,
  'presence.db_update_period': stored,
  'presence.fallback2db': stored,
  'presence.db_table_lock_type': { none: 'tables are never locked' },
  'presence.fetch_rows': { none: 'rows are read by the presentity, not in scans' },
  'presence.subs_htable_size': noTable,
  'presence.pres_htable_size': noTable,
  'presence.notifier_processes': noProcesses,
  'presence.notifier_poll_rate': noProcesses,
  'presence.waitn_time': noProcesses,
  'presence.send_fast_notify': noProcesses,
  'presence.cseq_offset': { none: 'a SUBSCRIBE whose CSeq is not higher is out of order (RFC 3261 §12.2.2)' },
  'presence.force_delete': { none: 'watchers are told when a publication ends' },
  'presence.startup_mode': { none: 'what has ended has no part in any document' },
  'presence.min_expires_action': { none: 'a shorter Expires is answered 423, and never lengthened' },
  'presence.timeout_rm_subs': { none: 'a watcher that does not answer loses its subscription (RFC 6665 §4.2.2)' },
  'presence.end_sub_on_timeout': { none: 'a watcher that does not answer loses its subscription (RFC 6665 §4.2.2)' },
  'presence.enable_sphere_check': { none: 'the sphere is asked for whenever a rule names one' },
  'presence.subs_remove_match': { none: 'a dialog is named by Call-ID and both tags' },
  'presence.retrieve_order': { none: 'the newest content comes first' },
  'presence.retrieve_order_by': { none: 'the newest content comes first' },
  'presence.sip_uri_match': { none: 'users are told apart by case and hosts are not (RFC 3261 §19.1.4)' },
  'presence.delete_same_subs': { none: 'max_subscriptions bounds what phones that restart leave behind' },
  'presence.pres_subs_mode': { none: 'scripts have no $subs' },
  'presence.contact_user': { none: 'server_address is the whole URI: write it as sip:USER@HOST' },
  'presence.cluster_id': noCluster,
  'presence.cluster_federation_mode': noCluster,
  'presence.cluster_pres_events': noCluster,
  'presence.cluster_be_active_shtag': noCluster,
  'presence.enable_dmq': noCluster,
  'presence.enable_subs_dmq': noCluster,
  'presence_xml.db_url': oneDatabase,
  'presence_xml.xcap_table': { none: 'the table is called xcap' },
  'presence_xml.integrated_xcap_server': { none: 'rules are always read from the table xcap' },
  'presence_xml.xcap_server': { none: 'rules are always read from the table xcap' },
  'presence_xml.disable_presence': { none: 'leave presence_xml out of loadmodule' },
  'presence_xml.disable_winfo': { none: 'watcherinfo is for the presentity alone, and always there' },
  'presence_xml.passive_mode': { none: 'a server that shall not notify has nothing to serve' },
};
