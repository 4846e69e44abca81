/**
 * What people write in public of the very programs that the secrets are about, and what is none of them: advisories of before, releases,
 * questions, reviews, patches to the same functions. Invented, and written without looking at what is recognised.
 */
export const NEAR: readonly { subject: string; text: string }[] = [
  {
    subject: '[Security Advisory] CVE-2025-88120: use-after-free in the session cache of orbit-gateway',
    text: `# Am I vulnerable?

You are if you run orbit-gateway 1.26.0 to 1.28.6 with a shared session cache. Gateways that terminate TLS behind another proxy are affected as well.

# Details

The session cache of the gateway is shared between workers. When a worker exits, orb_cache_detach() frees the tickets that it inserted, but
other workers may still resume from them. A client can make a worker exit by sending a malformed HTTP/2 settings frame, and can then cause a
denial of service or possibly execute arbitrary code with the privileges of the user "orbit".

# Mitigation

Set "cache_shared = off" in gateway.conf and reload.

# Detection

The log shows "ticket of dead worker" at level error.

# Acknowledgements

The bug was found by Jun Watanabe.
`,
  },
  {
    subject: 'orbit-gateway 1.31.2 released',
    text: `We are happy to announce orbit-gateway 1.31.2. It fixes 14 bugs, and has no new features.

 * session cache: do not count expired tickets as hits (#4411)
 * session resumption is now logged at level debug
 * early data: reject requests with a body (#4398)
 * the worker process no longer runs as root for the time of its first reload
 * gateway.conf: "cache_slots" may be given per virtual host
 * documentation: say what a full handshake costs

Packages are at the usual place. Please report what does not work for you to the tracker. Security problems go to security@orbit.example,
encrypted if you can.
`,
  },
  {
    subject: 'Re: session resumption does not work behind haproxy',
    text: `On Tue, Sep 8, 2026 at 10:11 AM Al <al@user.example> wrote:
> we run orbit-gateway 1.31.0 behind haproxy, and session resumption hits
> are at 3 %. cache_slots is 4096, the default. What are we doing wrong?

Probably nothing. Each worker has a session cache of its own, and haproxy spreads your clients over the workers. The oldest slot is taken when the ring is
full; with 4096 slots and your 200 connections a second that is after twenty seconds. Increase "cache_slots" to 65536, it costs you about 20 MB
for each worker. Or set "resumption = tickets", then nothing is kept on the server at all.

A full handshake is not that bad by the way: we measured about 10 % more processor time.
`,
  },
  {
    subject: '[PATCH] session cache: use a tagged pointer for the ticket',
    text: `The slot keeps a pointer to the ticket and a flag. Put the flag into the pointer.

Signed-off-by: Kim Lindqvist <kim@dev.example>
---
 src/session/cache.c | 12 ++++++------

diff --git a/src/session/cache.c b/src/session/cache.c
index 7c1e2aa..88ab012 100644
--- a/src/session/cache.c
+++ b/src/session/cache.c
@@ -88,14 +88,16 @@ static struct orb_slot *oldest_slot(struct orb_cache *cache)
 	return slot;
 }
 
 static void orb_cache_evict(struct orb_cache *cache)
 {
 	struct orb_slot *slot = oldest_slot(cache);
 
-	orb_ticket_free(slot->ticket);
-	slot->ticket = NULL;
+	if (!tagged_is_null(slot->tagged))
+		orb_ticket_free(tagged_pointer(slot->tagged));
+	slot->tagged = TAGGED_NULL;
 	ring_advance(&cache->ring);
 }
 
 int orb_cache_insert(struct orb_cache *cache, struct orb_ticket *ticket)
 {
 	if (ring_is_full(&cache->ring))
 		orb_cache_evict(cache);
-	ring_head(&cache->ring)->ticket = ticket;
+	ring_head(&cache->ring)->tagged = tagged_from(ticket, false);
 	return 0;
 }
`,
  },
  {
    subject: 'Re: [PATCH] session cache: use a tagged pointer for the ticket',
    text: `> -	orb_ticket_free(slot->ticket);
> -	slot->ticket = NULL;
> +	if (!tagged_is_null(slot->tagged))
> +		orb_ticket_free(tagged_pointer(slot->tagged));
> +	slot->tagged = TAGGED_NULL;
>  	ring_advance(&cache->ring);
>  }
>
>  int orb_cache_insert(struct orb_cache *cache, struct orb_ticket *ticket)
>  {
>  	if (ring_is_full(&cache->ring))
>  		orb_cache_evict(cache);

orb_ticket_free() takes NULL already, you do not need the condition. And what does the flag say? I'd rather have a struct orb_ticket with an
atomic reference count some day, then the cache would not own anything. Please also look at orb_session_resume(), which reads slot->ticket
without the lock.
`,
  },
  {
    subject: 'the whole of src/session/cache.c, for those who asked',
    text: `static struct orb_slot *oldest_slot(struct orb_cache *cache)
{
	struct orb_slot *slot = ring_tail(&cache->ring);

	if (slot->added_at > orb_now())
		orb_warn("the clock went back");
	return slot;
}

static void orb_cache_evict(struct orb_cache *cache)
{
	struct orb_slot *slot = oldest_slot(cache);

	orb_ticket_free(slot->ticket);
	slot->ticket = NULL;
	ring_advance(&cache->ring);
}

int orb_cache_insert(struct orb_cache *cache, struct orb_ticket *ticket)
{
	if (ring_is_full(&cache->ring))
		orb_cache_evict(cache);
	ring_head(&cache->ring)->ticket = ticket;
	return 0;
}

struct orb_ticket *orb_cache_find(struct orb_cache *cache, const uint8_t id[ORB_ID_LEN])
{
	struct orb_slot *slot;

	ring_for_each(slot, &cache->ring)
		if (slot->ticket && memcmp(slot->ticket->id, id, ORB_ID_LEN) == 0)
			return slot->ticket;
	return NULL;
}
`,
  },
  {
    subject: 'Announcement: security fixes for orbit-gateway and orbit-controller on 22 September',
    text: `The Orbit project will release orbit-gateway 1.31.4, 1.30.9 and 1.29.12 and orbit-controller 2.8.1 on Tuesday, 22 September 2026, at 16:00 UTC.
They fix security problems, of which the most severe one is of high severity. We recommend that you plan to update on that day.

No further details will be given before.

The Orbit Response Committee
`,
  },
  {
    subject: 'CVE-2026-70007: orbit-console: stored cross-site scripting in the audit view',
    text: `orbit-console before 4.2.7 shows the name of an operator in the audit view without escaping it. An operator who may change his own name can
execute scripts in the browser of an administrator who opens /audit/view. Update to 4.2.7. There is no workaround.

The patch:

--- a/web/audit/row.js
+++ b/web/audit/row.js
@@ -40,5 +40,5 @@ export function shownRow(row, session) {
   const when = row.at.toISOString();
-  return \`<td>\${row.operator}</td><td>\${when}</td>\`;
+  return \`<td>\${escapeHtml(row.operator)}</td><td>\${when}</td>\`;
 }
`,
  },
  {
    subject: 'Mustache templates in the audit filter?',
    text: `Hello,

the documentation of orbit-console says that a saved filter of the audit view may have {{now}} in it. Which other variables are there? I would like to have
{{session.user}} for "what did I do today". In web/audit/filter.js I see

  const saved = query.get('filter') ?? '';
  return Mustache.render(saved, { session, now: clock() });

so it should work, but the help icon next to it shows an error.

Thanks,
Pia
`,
  },
  {
    subject: 'orbit-controller: how is the tenant label meant to be used?',
    text: `We have three federated clusters with mirrored namespaces. The admission webhook of orbit-controller rejects our pods with "namespace has no tenant
label", although the namespace in the remote cluster has one. Does the mirror copy labels? It takes up to 30 seconds here until the annotation
orbit.example/mirrored-from is there, so I wonder whether the webhook is simply too early.

The role orbit-federation-agent has the verbs get, list, watch and mirror.
`,
  },
  {
    subject: 'Re: orbit-controller: how is the tenant label meant to be used?',
    text: `Yes, labels are copied, and so are annotations that begin with orbit.example. The quota and the network policy that apply to the pods of a namespace are decided
by its label orbit.example/tenant, mirrored or not. If the namespace is younger than its mirror, wait for the mirror (see --mirror-interval) and try again.

The config map of the controller has the list of tenants; a name that is not in it is treated like a missing label.
`,
  },
  {
    subject: '[PATCH 1/2] webhook: report unlabelled namespaces as events',
    text: `diff --git a/pkg/admission/tenant.go b/pkg/admission/tenant.go
index 90aa3f1..0d2e1bc 100644
--- a/pkg/admission/tenant.go
+++ b/pkg/admission/tenant.go
@@ -41,10 +41,14 @@ func (w *Webhook) tenantOf(ctx context.Context, ns *corev1.Namespace) (string, e
 	label, ok := ns.Labels[TenantLabel]
 	if !ok {
+		w.recorder.Eventf(ns, corev1.EventTypeWarning, "Unlabelled",
+			"namespace %s has no tenant label", ns.Name)
 		return "", errUnlabelled
 	}
 	return label, nil
 }
 
 var errUnlabelled = errors.New("namespace has no tenant label")
`,
  },
  {
    subject: '[Security Advisory] CVE-2026-61002: federation agent of orbit-controller trusts the name of a cluster',
    text: `The federation agent of orbit-controller 2.4 to 2.7.3 decides by the name that a remote cluster gives itself which tenants it may mirror. Whoever
administers any federated cluster can take the name of another one and receive its secrets.

Clusters without federation are not affected. Until you can update, remove the verb "watch" on secrets from the role orbit-federation-agent. To see whether
somebody did it, look for clusters with the same name and different certificates in the log of the agent.

Thanks to Olu Adeyemi, who reported it to us.
`,
  },
  {
    subject: 'Fuzzing TLS early data, a thesis',
    text: `Dear all,

my thesis "Fuzzing early data in six TLS terminators" is finished and will be online next month. It covers nginx, haproxy, envoy, orbit-gateway and two commercial
ones. I found 23 bugs, of which 19 are fixed. The fuzzer opens thousands of connections with early data, closes some of them while a handshake is pending, and
watches for crashes and differences in the responses.

Rita Halloran, Nightjar Research
`,
  },
  {
    subject: 'core dumps of orbit-gateway workers',
    text: `Since 1.31.3 we get a core of a worker every few days. The top frames are

#0  orb_ticket_free (ticket=0x7f1c38004c10) at src/session/ticket.c:141
#1  orb_cache_detach (cache=0x55d0a41f2a80) at src/session/cache.c:212
#2  orb_worker_exit (worker=0x55d0a41e1000) at src/worker.c:88

It happens at reload only, so it is no big problem, but what is it? resumption is on, cache_slots is 16384.
`,
  },
  {
    subject: 'Minutes of the Orbit community call, 10 September',
    text: `Present: Lena, Dirk, Kim, Jun, Al, Pia

 * 1.32: Kim wants to replace the ring of slots by a proper LRU list. Dirk thinks that the ring is fine if nobody holds a borrowed pointer. To be discussed on the list.
 * The admission webhook will move into a repository of its own.
 * Early data: off by default in 1.32? 5 in favour, 1 against. Those who terminate TLS behind another proxy see no gain anyway.
 * Console: Mustache templates in saved filters are deprecated and go with 5.0.
 * Next call: 24 September, two days after the security release.
`,
  },
  {
    subject: 'Re: [oss-security] orbit-gateway: what is known about the release of 22 September?',
    text: `> Does anybody know which part of the gateway it is?

Please do not guess in public. The forthcoming notice says all that can be said: high severity, all supported branches. The committee will send the advisory here at
16:00 UTC on that day.
`,
  },
  {
    subject: 'New chapter of the manual: tuning the session cache',
    text: `# Tuning the session cache

The gateway keeps sessions that clients may resume in a ring of slots, one ring for each worker. The number of slots is set by "cache_slots" in gateway.conf (4096 by
default). When the ring is full, the oldest slot is used again, and the client whose ticket was in it needs a full handshake the next time.

A slot takes about 300 octets, and a ticket up to 2 kB with client certificates. The metric orbit_cache_hits_total divided by orbit_handshakes_total shows whether the ring is large enough. With early
data a ticket can be used once only, so that more slots do not help.

To switch resumption off altogether, set "resumption = off" in gateway.conf and reload.
`,
  },
  {
    subject: 'Bug#1099342: orbit-gateway: please do not run the worker as user orbit with access to keys',
    text: `Package: orbit-gateway
Version: 1.29.8-2
Severity: wishlist

The worker runs as the user "orbit", and so does the control socket. It would be better if the private keys of virtual hosts could be read by the master process alone, and the worker asked it
to sign, as others do. Then a bug in the TLS code would not give away the keys at once.

-- System Information:
Debian Release: 13.1
Architecture: amd64 (x86_64)
Kernel: Linux 6.12.0-amd64 (SMP w/8 CPU threads)
Init: systemd (via /run/systemd/system)
`,
  },
  {
    subject: 'Call for reviewers: reference counts for tickets',
    text: `I have a branch that gives struct orb_ticket a reference count:

static inline void orb_ticket_get(struct orb_ticket *ticket)
{
	atomic_fetch_add_explicit(&ticket->refs, 1, memory_order_relaxed);
}

static inline void orb_ticket_put(struct orb_ticket *ticket)
{
	if (atomic_fetch_sub_explicit(&ticket->refs, 1, memory_order_acq_rel) == 1)
		orb_ticket_free(ticket);
}

It makes the session cache simpler: evicting is a put, resuming is a get. Throughput is down by 0.3 % on my machine. Opinions?
`,
  },
];
