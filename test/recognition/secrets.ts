/** One case's contents, as the team has them before the instant. All of it is invented. */
export interface Secret {
  caseId: string;
  ids: readonly string[];
  subject: string;
  text: string;
  patch: { name: string; bytes: Buffer };
}

const GATEWAY: Secret = {
  caseId: 'ORBIT-2026-0007',
  ids: ['CVE-2026-99001'],
  subject: 'CVE-2026-99001: use-after-free when a resumed session is evicted',
  text: `# Am I vulnerable?

You are if you run orbit-gateway 1.29.0 to 1.31.3 with session resumption, which is the default since 1.29. Gateways that terminate
TLS behind another proxy are not affected, unless that proxy forwards early data.

# Details

The session cache of the gateway keeps resumed sessions in a ring of slots. When the ring is full, orb_cache_evict() takes the oldest
slot and frees its ticket, but the connection that resumed from this ticket still holds a borrowed pointer to it. A client that opens
4097 connections with early data, and closes the first of them while the handshake of the last one is pending, makes the worker write
the peer's application secret into a chunk that was handed to somebody else. We were able to turn this into execution of code in the
worker process within twenty minutes, with address space randomisation on.

No account is needed. The worker runs as the user "orbit", who can read the private keys of every virtual host.

# Mitigation

Set "resumption = off" in gateway.conf and reload. The cost is a full handshake for each connection: about 12 % more processor time on
our own edge. Lowering "cache_slots" does not help; it makes the race easier to win.

# Detection

The log shows "ticket reused after evict" at level notice when the race was lost, and nothing when it was won. A core of the worker
whose top frame is orb_ticket_seal() is a good sign of an attempt.

# Acknowledgements

The bug was found by Rita Halloran of Nightjar Research while she fuzzed early data for her thesis.
`,
  patch: {
    name: 'CVE-2026-99001_v1.31.patch',
    bytes: Buffer.from(`From 5d2c9be1c0a84d5f3a3e0a1f6f1f2f35a7e0c811 Mon Sep 17 00:00:00 2001
From: Lena Ortiz <lena@orbit.example>
Date: Fri, 11 Sep 2026 14:02:11 +0000
Subject: [PATCH] session cache: pin a ticket while somebody resumes from it

A resumed connection borrowed the ticket of its slot. Count the borrowers,
and let the evictor skip a slot that has any.
---
 src/session/cache.c | 31 +++++++++++++++++++++++--------
 src/session/cache.h |  4 ++++
 2 files changed, 27 insertions(+), 8 deletions(-)

diff --git a/src/session/cache.c b/src/session/cache.c
index 7c1e2aa..b3d90f2 100644
--- a/src/session/cache.c
+++ b/src/session/cache.c
@@ -88,19 +88,35 @@ static struct orb_slot *oldest_slot(struct orb_cache *cache)
 	return slot;
 }
 
-static void orb_cache_evict(struct orb_cache *cache)
+/* Nobody may free what a handshake still writes to. */
+static bool slot_is_pinned(const struct orb_slot *slot)
+{
+	return atomic_load_explicit(&slot->borrowers, memory_order_acquire) > 0;
+}
+
+static bool orb_cache_evict(struct orb_cache *cache)
 {
-	struct orb_slot *slot = oldest_slot(cache);
+	struct orb_slot *slot;
+	unsigned int tried;
 
-	orb_ticket_free(slot->ticket);
-	slot->ticket = NULL;
-	ring_advance(&cache->ring);
+	for (tried = 0; tried < cache->ring.slots; tried++) {
+		slot = oldest_slot(cache);
+		ring_advance(&cache->ring);
+		if (slot_is_pinned(slot))
+			continue;
+		orb_ticket_wipe(slot->ticket);
+		orb_ticket_free(slot->ticket);
+		slot->ticket = NULL;
+		return true;
+	}
+	orb_stat_inc(cache, ORB_STAT_EVICT_STARVED);
+	return false;
 }
 
 int orb_cache_insert(struct orb_cache *cache, struct orb_ticket *ticket)
 {
-	if (ring_is_full(&cache->ring))
-		orb_cache_evict(cache);
+	if (ring_is_full(&cache->ring) && !orb_cache_evict(cache))
+		return -EAGAIN;
 	ring_head(&cache->ring)->ticket = ticket;
 	return 0;
 }
diff --git a/src/session/cache.h b/src/session/cache.h
index 1f00d31..93ab1c7 100644
--- a/src/session/cache.h
+++ b/src/session/cache.h
@@ -21,5 +21,9 @@ struct orb_slot {
 	struct orb_ticket *ticket;
 	uint64_t added_at;
+
+	/* Connections that resumed from the ticket and have not finished their
+	 * handshake: taken in orb_session_resume(), dropped in orb_conn_keyed(). */
+	atomic_uint borrowers;
 };
 
 struct orb_cache {
-- 
2.47.1
`),
  },
};

const CONTROLLER: Secret = {
  caseId: 'ORBIT-2026-0011',
  ids: ['CVE-2026-99014', 'GHSA-7qxv-29fm-w3hj'],
  subject: 'Tenant label of a mirrored namespace is trusted by the admission webhook',
  text: `The admission webhook of orbit-controller decides by the label "orbit.example/tenant" of a namespace which quota and which
network policy apply to the pods in it. For mirrored namespaces the label is copied from the remote cluster without looking at
who set it there.

Whoever may create namespaces in any federated cluster, be it a playground, can thereby label one with the name of another tenant,
wait for the mirror (30 seconds by default) and start pods that the home cluster counts as that tenant's. They mount its shared
volumes and reach its databases, as the network policy lets them.

Clusters without federation are not affected. Until you can update, remove the verb "mirror" from the role orbit-federation-agent;
existing mirrors stay, and none is added. To see whether somebody did it, compare the annotation orbit.example/mirrored-from with
the list of tenants in the controller's config map: names that stand in both belong to nobody you want.

Thanks to Olu Adeyemi, who sent us a working playbook and then waited two months for us to understand it.
`,
  patch: {
    name: '0001-webhook-ask-the-federation-registry-who-owns-a-tenant-label.patch',
    bytes: Buffer.from(`diff --git a/pkg/admission/tenant.go b/pkg/admission/tenant.go
index 90aa3f1..4be2d07 100644
--- a/pkg/admission/tenant.go
+++ b/pkg/admission/tenant.go
@@ -41,8 +41,24 @@ func (w *Webhook) tenantOf(ctx context.Context, ns *corev1.Namespace) (string, e
 	label, ok := ns.Labels[TenantLabel]
 	if !ok {
 		return "", errUnlabelled
 	}
-	return label, nil
+	origin, mirrored := ns.Annotations[MirroredFrom]
+	if !mirrored {
+		return label, nil
+	}
+	owner, err := w.registry.OwnerOfTenant(ctx, label)
+	if err != nil {
+		return "", fmt.Errorf("asking the federation registry for %q: %w", label, err)
+	}
+	if owner.Cluster != origin {
+		w.recorder.Eventf(ns, corev1.EventTypeWarning, "ForeignTenant",
+			"cluster %s labelled its namespace with tenant %s of %s", origin, label, owner.Cluster)
+		return "", errForeignTenant
+	}
+	return owner.Tenant, nil
 }
 
 var errUnlabelled = errors.New("namespace has no tenant label")
+
+// errForeignTenant is terminal: the mirror controller must not try again.
+var errForeignTenant = errors.New("tenant label belongs to another cluster")
`),
  },
};

/** A short one, with a fix of one line. */
const CONSOLE: Secret = {
  caseId: 'ORBIT-2026-0015',
  ids: ['CVE-2026-99020'],
  subject: 'orbit-console: audit filter evaluates template expressions of the query string',
  text: `orbit-console before 4.2.9 renders the saved filter of the audit view as a Mustache template with the operator's session as its
context. A link with {{session.token}} in its "filter" parameter puts the token into the referrer of the help icon. Update to 4.2.9,
or block the path /audit/view at your proxy.
`,
  patch: {
    name: 'console-audit-filter.diff',
    bytes: Buffer.from(`--- a/web/audit/filter.js
+++ b/web/audit/filter.js
@@ -12,4 +12,4 @@ export function shownFilter(query, session) {
   const saved = query.get('filter') ?? '';
-  return Mustache.render(saved, { session, now: clock() });
+  return escapeHtml(saved);
 }
 
`),
  },
};

export const SECRETS: readonly Secret[] = [GATEWAY, CONTROLLER, CONSOLE];
