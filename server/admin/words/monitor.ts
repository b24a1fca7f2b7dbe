/** `mntr`: what monitoring reads, a key and a value a line. */
import type { AdminSource, LeadingView } from "../source.ts";
import { averageText, decimalText, type SummaryView } from "../summary.ts";
import { whole } from "./texts.ts";

/**
 * Counters of ZooKeeper's that stay at 0 here, as there in a standalone server: what they count is
 * done by TLS, by SASL between servers, or by parts that this server does without.
 */
const NEVER_COUNTED = [
  "quit_leading_due_to_disloyal_voter",
  "skip_learner_request_to_next_processor_count",
  "requests_not_forwarded_to_commit_processor",
  "request_commit_queued",
  "unrecoverable_error_count",
  "cnxn_closed_without_zk_server_running",
  "ensemble_auth_success",
  "ensemble_auth_fail",
  "ensemble_auth_skip",
  "dead_watchers_queued",
  "dead_watchers_cleared",
  "add_dead_watcher_stall_time",
  "response_packet_cache_hits",
  "response_packet_cache_misses",
  "response_packet_get_children_cache_hits",
  "response_packet_get_children_cache_misses",
  "unsuccessful_handshake",
  "tls_handshake_exceeded",
  "outstanding_tls_handshake",
  "non_mtls_remote_conn_count",
  "non_mtls_local_conn_count",
  "insecure_admin_count",
] as const;

/**
 * Key, tab, value. Telegraf gives up on a line of any other form, so no value has a blank except
 * the version, which it reads up to its comma.
 */
export function monitor(source: AdminSource): string {
  let text = "";
  const line = (key: string, value: string | number): void => {
    text += `zk_${key}\t${value}\n`;
  };
  const summary = (key: string, view: SummaryView): void => {
    line(`avg_${key}`, averageText(view));
    line(`min_${key}`, whole(view.min));
    line(`max_${key}`, whole(view.max));
    line(`cnt_${key}`, view.count);
    line(`sum_${key}`, whole(view.sum));
  };
  line("version", source.versionText);
  line("server_state", source.mode);
  const { ensemble } = source;
  if (ensemble !== undefined) line("peer_state", ensemble.peerState);
  line("ephemerals_count", source.ephemeralCount);
  line("num_alive_connections", source.connectionCount);
  line("avg_latency", averageText(source.requestLatency));
  line("min_latency", whole(source.requestLatency.min));
  line("max_latency", whole(source.requestLatency.max));
  line("outstanding_requests", source.outstandingRequests);
  line("znode_count", source.znodeCount);
  line("watch_count", source.watchCount);
  line("approximate_data_size", source.approximateDataBytes);
  line("global_sessions", source.sessionCount);
  line("local_sessions", source.localSessionCount);
  line("packets_sent", source.packetsSent);
  line("packets_received", source.packetsReceived);
  line("bytes_received_count", source.bytesReceived);
  line("response_bytes", source.bytesSent);
  line("last_client_response_size", source.lastResponseBytes);
  line("min_client_response_size", source.minResponseBytes);
  line("max_client_response_size", source.maxResponseBytes);
  line("open_file_descriptor_count", source.openFileDescriptorCount());
  line("max_file_descriptor_count", source.maxFileDescriptorCount);
  line("uptime", whole(source.uptimeMs));
  line("connection_drop_probability", decimalText(0));
  line("connection_request_count", source.connectionRequestCount);
  line("connection_rejected", source.connectionRejectedCount);
  line("connection_drop_count", source.connectionDropCount);
  line("sessionless_connections_expired", source.sessionlessExpiredCount);
  line("stale_sessions_expired", source.staleSessionsExpiredCount);
  line("auth_failed_count", source.authFailedCount);
  line("digest_mismatches_count", source.digestMismatchCount);
  line("commit_count", ensemble?.commitCount ?? 0);
  line("proposal_count", ensemble?.proposalCount ?? 0);
  line("diff_count", ensemble?.diffCount ?? 0);
  line("snap_count", ensemble?.snapCount ?? 0);
  line("looking_count", ensemble?.lookingCount ?? 0);
  line("connection_revalidate_count", ensemble?.connectionRevalidateCount ?? 0);
  line("revalidate_count", ensemble?.revalidateCount ?? 0);
  line("learner_proposal_received_count", ensemble?.learnerCommitCount ?? 0);
  line("learner_commit_received_count", ensemble?.learnerCommitCount ?? 0);
  for (const key of NEVER_COUNTED) line(key, 0);
  if (ensemble !== undefined) {
    line("quorum_size", ensemble.quorumSize);
    for (const [key, value] of leadingGauges(ensemble.leading)) line(key, value);
    summary("election_time", ensemble.electionTime);
  }
  if (!source.forceSync) line("quorate_unsafe_nosync", 1);
  summary("fsynctime", source.fsyncTime);
  summary("snapshottime", source.snapshotTime);
  summary("readlatency", source.readLatency);
  summary("updatelatency", source.updateLatency);
  return text;
}

/** Only a leader has them: readiness scripts and Solr take their presence for its sign. */
function leadingGauges(leading: LeadingView | undefined): readonly (readonly [string, number])[] {
  if (leading === undefined) return [];
  return [
    ["learners", leading.learners],
    ["synced_followers", leading.syncedFollowers],
    ["synced_non_voting_followers", leading.syncedNonVotingFollowers],
    ["synced_observers", leading.syncedObservers],
    ["pending_syncs", leading.pendingSyncs],
    ["leader_uptime", whole(leading.uptimeMs)],
    ["last_proposal_size", leading.proposals.last],
    ["max_proposal_size", leading.proposals.max],
    ["min_proposal_size", leading.proposals.min],
  ];
}
