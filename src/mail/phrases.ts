/** Words of one sort of software: whose, and the pattern. All are matched without case, on text whose blanks are single. */
export type Phrase = readonly [source: string, pattern: RegExp];

/** How the subject of a delivery report begins; a list's `[tag]` is off. What only may be one needs other evidence. */
export const SUBJECTS: readonly Phrase[] = [
  [
    'Postfix',
    /^(undelivered mail returned to sender|delayed mail \(still being retried\)|postmaster copy: |mail delivery status report|successful mail delivery report)/iu,
  ],
  ['Sendmail', /^(returned mail|warning: could not send message for past|postmaster notify|return receipt$)/iu],
  ['Exim', /^(mail delivery failed|warning: \S{1,200} - |mail failure|warning: message .{1,60} delayed|message frozen)/iu],
  ['qmail, ezmlm', /^(failure notice|failure delivery|bounce: |returned message)/iu],
  ['Exchange, Outlook', /^(undeliverable|undelivered|nondeliverable|delivery delayed|delivered|relayed)\s?:/iu],
  ['Microsoft SMTPSVC, Gmail', /^delivery status notification/iu],
  ['Domino', /^(delivery failure|delivery failed|message was not delivered|nondelivery)\b/iu],
  [
    'GroupWise, IMail, MailEnable, CommuniGate',
    /^(message status - undeliverable|undeliver(able|ed) ((e-?)?mail|message)|undelivered|message delivery (delay|failure|status|notification)|mail system error|permanent delivery failure)/iu,
  ],
  [
    'PMDF, Sun, Netscape, X.400',
    /^(delivery (notification|report|failure|problem|error)|undeliverable( message)?$|non-?delivery (report|notification|notice|receipt)|notification d'?état)/iu,
  ],
  [
    'anything',
    /^(e-?mail|message|mail)[ -]*(delivery|transport)?[ -]*(delivery )?(failure|failed|error|delayed|problem|undeliverable|returned|rejected|not delivered|could not be delivered)/iu,
  ],
  [
    'anything',
    /^(delivery (has )?(failed|delayed|error|problem|unsuccessful|failure)|(unable|failed|failure) (to|in) deliver|could not deliver|your (e-?mail|message|mail) (was not|could not be|cannot be|has not been|was)? ?(delivered|rejected|returned|undeliverable|blocked|bounced|quarantined)|returned (e-?mail|to sender)|rejected (mail|message|e-?mail)|user unknown|unknown (user|recipient)|mailbox (is )?full|over quota|(permanent|temporary) (delivery )?(failure|error)|message (blocked|rejected|quarantined|returned|bounced))/iu,
  ],
  [
    'virus scanners',
    /^(\*+ ?)?(virus|banned|bad header|spam|infected)\b.{0,60}\b(from you|in (your )?(mail|message)|you sent|found|detected|alert|warning|notification)/iu,
  ],
  [
    'virus scanners',
    /^(symantec|norton|interscan|scanmail|mailmarshal|mailsweeper|mimesweeper|antigen|mcafee|groupshield|sophos|trend micro|norman|avg|f-secure|kaspersky|clamav|barracuda)\b.{0,60}(detected|alert|found|notification|virus|block|violation|quarantine)/iu,
  ],
  [
    'challenges',
    /^(please confirm|confirm(ation)? (your|of your|required)|your (message|mail|email).{0,40}(requires|needs|awaits|waiting for) (confirmation|verification)|action required.{0,20}(deliver|verify your (mail|message))|verify your (e-?mail|message) to)/iu,
  ],
  [
    'Exchange in German',
    /^(unzustellbar|nicht zugestellt|zustellung (verzögert|fehlgeschlagen)|unzustellbare (nachricht|mail)|nachricht (war )?unzustellbar|mail nicht zustellbar|fehler bei der (mail)?zustellung|benachrichtigung (zum|über den) (übermittlungs|zustellungs|zustell|versand)status)/iu,
  ],
  [
    'in French',
    /^(non remis|non distribuable|courrier non (remis|distribué|délivré)|message non (remis|distribué|délivré)|échec (de la |de )?(remise|livraison|distribution|l'envoi)|remise retardée|notification d'état de remise|retour de courrier|erreur de (remise|livraison|distribution))/iu,
  ],
  [
    'in Spanish, Portuguese',
    /^(no se puede entregar|no entregado|no se pudo entregar|no entregable|mensaje no entregado|correo (no entregado|devuelto)|error (de|en la) entrega|entrega fallida|fallo (de|en la) entrega|notificación de estado de (la )?entrega|não (foi )?(possível entregar|entregue)|falha na entrega|mensagem (não entregue|devolvida)|notificação de (status|estado) de entrega)/iu,
  ],
  [
    'in Italian, Romanian',
    /^(non recapitabile|recapito non riuscito|mancato recapito|messaggio non (consegnato|recapitato)|mancata consegna|avviso di mancata consegna|consegna fallita|nelivrabil|nu se poate livra|imposibil de livrat)/iu,
  ],
  [
    'in Dutch',
    /^(onbestelbaar|niet[ -]bezorg(d|baar)|bezorg(ing|en) (is )?mislukt|onbestelbare|aflevering mislukt|kan (bericht )?niet (worden )?bezorg(d|en))/iu,
  ],
  [
    'in Scandinavian languages, Finnish',
    /^(kunde inte levereras|det gick inte att leverera|ol?evererbart|ej leveransbart|går inte att leverera|kan ikke leveres?|ikke leveret|ikke levert|uleverbart?|kunne ikke leveres|ei voi(da)? toimittaa|toimitus epäonnistui|toimittaminen epäonnistui)/iu,
  ],
  [
    'in Polish, Czech, Slovak, Hungarian',
    /^(niedostarczon[ey]|niedostarczalne|nie można dostarczyć|nie dostarczono|zwrot poczty|nedoručiteln|nedoručiteľn|nedoručen|zprávu nelze doručit|nie je možné doručiť|kézbesíthetetlen|nem kézbesíthető|sikertelen kézbesítés)/iu,
  ],
  [
    'in Russian, Ukrainian, Bulgarian',
    /^(недоставлен|не доставлено|не удается доставить|не удалось доставить|сообщение не доставлено|ваше (сообщение|письмо) не доставлено|возврат (почты|письма)|письмо не доставлено|ошибка доставки|не вдалося доставити|не може бути доставен|недоставено)/iu,
  ],
  [
    'in Greek, Turkish, Hebrew, Arabic',
    /^(αδύνατη η παράδοση|δεν (ήταν|είναι) δυνατή η παράδοση|αποτυχία παράδοσης|teslim edilemedi|teslim edilemiyor|iletilemedi|לא ניתן למס|לא נמסר|يتعذر التسليم|تعذر تسليم|غير قابل للتسليم)/iu,
  ],
  [
    'in Baltic languages',
    /^(nepiegādāj|nevar piegādāt|nepristatyt|neįmanoma pristatyti|kohaletoimetamatu|ei saa kohale toimetada|kättetoimetamatu)/iu,
  ],
  [
    'in Japanese, Korean, Chinese',
    /^(配信(不能|できませんでした|失敗|エラー|不可)|メール(配信|送信)?(エラー|不達|が配信できません)|送信エラー|未配信|エラーメール|배달(되지 않음|할 수 없음|\s?실패)|전송\s?실패|반송|메일 (전송|발송) ?실패|(系统|系統)?退信|未送达|未送達|无法(传递|投递|送达)|無法(傳遞|投遞|送達)|未傳遞|投递失败|郵件傳送失敗|邮件(被退回|投递失败|发送失败))/iu,
  ],
];

/** Sentences that only a mail system writes, at the very beginning of the text. */
export const FORMULAS: readonly Phrase[] = [
  [
    'qmail',
    /this is (the|an?) (automated )?(qmail-send|qmail|deliver|mail delivery|mail|e-?mail|postfix|exim|[\w.-]{1,20}) (program|system|server|subsystem|service|daemon|agent|software|robot)( program)? (at|on|running|from) /iu,
  ],
  [
    'Exim, kundenserver.de',
    /this (message|e-?mail|mail) (was|has been|is) (created|generated) automatically by( the)? (mail|e-?mail|smtp)/iu,
  ],
  ['Exim, kundenserver.de', /(a|the) message that you( have)? sent (could not|was not|cannot|has not)/iu],
  ['Gmail, Exchange', /this is an automatically[- ]generated (delivery status notification|message|mail|e-?mail)/iu],
  [
    'Gmail',
    /(address not found|message (blocked|not delivered|too large)|delivery incomplete|recipient inbox full)[ *]+your (message|response)/iu,
  ],
  [
    'Gmail, Microsoft SMTPSVC',
    /del(i|e)very to the following (recipients?|address(es)?)(\(s\))? (failed|has failed|was aborted|has been delayed|is delayed|was unsuccessful)/iu,
  ],
  ['Postfix', /this is the mail system at host|i'm sorry to have to inform you that/iu],
  ['Sendmail', /the original message was received at|\* this is a warning message only|- the following addresses had/iu],
  ['Sendmail', /- ?transcript of (the )?session follows/iu],
  ['Exchange 5.5, Domino', /your message (to:|subject:|to: .{0,400}?subject:|.{0,400}?\b(did not reach|was not delivered to))/iu],
  [
    'Exchange',
    /(delivery (has failed|is delayed) to these (recipients|distribution)|your message (to .{1,300}?)?(wasn't|couldn't be|could not be|can't be|hasn't been|was not|has not been) delivered|this report relates to a message you sent|this is an advisory-only e-?mail)/iu,
  ],
  [
    'Office 365',
    /(your message couldn't be delivered|.{1,100} rejected your message to the following|message (couldn't be|could not be|can't be) delivered|[\w.-]{1,80} suspects your message)/iu,
  ],
  [
    'Yahoo',
    /message from [\w.-]{1,80}\. ?(unable|sorry)|sorry,? we were unable to deliver your message|unable to deliver (your )?message to the following/iu,
  ],
  [
    'Courier',
    /this is a delivery status notification from|the following (recipients?|address(es)?|destinations?)( could not| did not| cannot| has| have| returned| failed)/iu,
  ],
  ['GroupWise', /the (attached file had|message that you sent was undeliverable|message you sent)|- failed addresses/iu],
  [
    'IMail, Smail, MailEnable, MDaemon',
    /(unknown user:|user mailbox (exceeds|full)|undeliverable to|invalid final delivery userid|unknown host:|mailenable: |message could not be delivered to|failed addresses follow|intended recipient:|undeliverable address:|user's mailbox is full:|the following addresses? did not|there was a problem delivering|couldn't deliver|could not deliver|failed to deliver (to|message)|unable to deliver (message|mail|your|to)|sorry,? (i|we|your (message|mail)) .{0,40}(deliver|mailbox))/iu,
  ],
  [
    'SMTP gateways',
    /(here is your list of failed recipients|the machine generated message from mail service|this message was undeliverable|the following message (to|could not|was not|has)|the (e-?mail|mail|message) (below|you sent|you tried to send|sent to|addressed to) .{0,200}?(could not|was not|cannot|has not|has been|couldn't|were not|failed)|a message (could not be|was not) delivered|invalid (recipient|address)|did not reach the following|message not delivered to|your (mail|e-?mail|message) (has encountered|to the following|could not be|cannot be|can not be|was not|has not been|was rejected|has been rejected|was undeliverable|with subject|\(?subject)|- failed recipients|delivery of (the |your |this )?(e-?mail|mail|message))/iu,
  ],
  [
    'AOL, hosted filters',
    /(your mail to the following recipients|the (server|mail server|system) (was unable|could not|is unable)|we (were|are) unable to deliver|we could not deliver|this message has been (blocked|rejected|bounced|returned)|permanent error)/iu,
  ],
  [
    'virus scanners',
    /((our|the) (content checker|virus (checker|scanner)|.{1,30}virus ?scanner)|(a |the )?virus (alert|was (found|detected))|message from interscan|(symantec|norton|mailmarshal|scanmail|interscan|antigen|mimesweeper|mailsweeper|groupshield|trend)\b.{0,80}(has |have |was |detected|found|removed|blocked|quarantin|stopped)|the message (you sent |sent by you )?.{0,80}(contained|contains|was infected|violated)|(the )?(mail|message|e-?mail) (you sent|that you sent).{0,120}(virus|infected|banned|blocked|spam))/iu,
  ],
  [
    'challenges',
    /(this (message|is an automated (message|reply|response)).{0,160}(to (release|deliver|accept) your|confirm|verify|pending|hold)|your (message|e-?mail|mail).{0,120}(is being held|has been (held|queued|placed)|requires (confirmation|verification)|awaiting confirmation)|i('m| am) (now )?(using|protecting).{0,80}(spam|verify|confirm))/iu,
  ],
  [
    'in German',
    /((diese|folgende|die folgende|ihre|eine) (von ihnen gesendete )?(nachricht|mail|e-?mail).{0,160}(nicht (zugestellt|ausgeliefert|erreicht|übermittelt)|unzustellbar|automatisch (vom|von|durch|erzeugt|erstellt|generiert))|dies ist eine automatisch (erzeugte|erstellte|generierte) (nachricht|mail|e-?mail|benachrichtigung)|fehler bei der (nachrichten|mail)?zustellung|die zustellung .{0,80}(fehlgeschlagen|nicht möglich|verzögert))/iu,
  ],
  [
    'in French',
    /((votre|le|un|ce) (message|courrier|courriel|mail).{0,160}(n'a pas (pu )?(être )?(remis|délivré|distribué|atteint|livré|transmis)|n'est pas parvenu|ne peut (pas )?être|a été rejeté)|échec de la remise|la remise .{0,60}(échoué|retardée)|ceci est (un message|une notification) (automatique|généré)|impossible de (remettre|délivrer|distribuer))/iu,
  ],
  [
    'in Spanish, Portuguese',
    /((su|el|este|un|tu) (mensaje|correo).{0,160}(no (se ha|se pudo|ha|pudo|puede|fue|llegó)|fue (rechazado|devuelto))|error (de|en la) entrega|no se (pudo|puede|ha podido) entregar|(a|sua|esta|uma) mensagem.{0,160}(não (pôde|pode|foi|chegou)|foi (rejeitada|devolvida))|falha na entrega|não foi possível entregar|ha ocurrido un error)/iu,
  ],
  [
    'in Italian, Romanian',
    /((il|questo|un|vostro|suo) (tuo |suo |vostro )?messaggio.{0,160}(non (è stato|è|può|ha)|è stato (respinto|rifiutato))|recapito non riuscito|impossibile (recapitare|consegnare)|questo (è un )?messaggio (è stato )?(generato|creato) automaticamente|livrarea .{0,80}(nu a reușit|a eșuat)|mesajul .{0,100}nu a (putut|fost))/iu,
  ],
  [
    'in Dutch',
    /((uw|het|dit|een) (bericht|e-?mail).{0,160}(niet (worden |is )?(bezorgd|afgeleverd|bereikt)|kon niet)|bezorgen is mislukt|de bezorging .{0,60}mislukt|kan (uw )?bericht niet)/iu,
  ],
  [
    'in Scandinavian languages, Finnish',
    /(det gick inte att leverera|ditt meddelande.{0,120}(inte|ej)|meddelandet.{0,120}(inte|ej)|leverans(en)? .{0,80}misslyck|levering .{0,80}(mislykkedes|mislyktes)|din (meddelelse|besked|mail).{0,120}ikke|meldingen? (din )?.{0,120}ikke|toimitus .{0,100}epäonnistui|viestiä.{0,120}(ei voi|ei voitu)|viestisi.{0,120}ei)/iu,
  ],
  [
    'in Polish, Czech, Slovak, Hungarian',
    /(dostarczenie .{0,100}nie powiodło|(nie można|nie udało się) (było )?(dostarczyć|doręczyć)|(twoja|państwa|ta|wysłana) wiadomość.{0,120}nie|doruč(ení|enie) .{0,100}(nezdařilo|zlyhalo)|(vaš[ei]|tuto|táto|zpráva|správa).{0,100}(nebyl|nelze|nebol|nemož|nedoruč)|a kézbesítés.{0,100}(nem sikerült|sikertelen)|(az )?(ön )?üzenet(e|ét|et)?.{0,100}(nem|kézbesíthetetlen))/iu,
  ],
  [
    'in Russian, Ukrainian, Bulgarian',
    /((не удалось|не удается|невозможно) (выполнить доставку|доставить)|(ваше|это|данное|ваш[аеу]?) (сообщение|письмо|почта).{0,160}(не (было |может быть |удалось |доставлено)|отклонено|создано автоматически)|(сообщение|письмо) не (было )?доставлено|это (сообщение|письмо) (создано|сгенерировано|отправлено) автоматически|не вдалося доставити|повідомлення.{0,100}не|съобщението.{0,100}не)/iu,
  ],
  [
    'in Greek, Turkish, Hebrew, Arabic',
    /((η παράδοση|το μήνυμ).{0,120}(απέτυχε|δεν)|(iletiniz|mesajınız|ileti).{0,120}(edilemedi|ulaşmadı|teslim)|teslim(at)? .{0,60}başarısız|ההודעה.{0,100}(לא|נכשל)|המסירה.{0,80}נכשלה|(رسالتك|الرسالة|تعذر|فشل).{0,100}(تسليم|التسليم))/iu,
  ],
  [
    'in Baltic languages',
    /((jūsu|šo) (ziņojum|vēstul).{0,120}(nevar|netika|neizdevās)|piegāde .{0,80}neizdevās|(jūsų|šio) (laišk|pranešim|žinut).{0,120}(ne)|nepavyko pristatyti|(teie|seda) (kirja?|sõnumi?t?).{0,120}(ei))/iu,
  ],
  [
    'in Japanese, Korean, Chinese',
    /(.{0,60}(配信(できません|されません|に失敗|不能)|送信できません|届けることができません|届きません|自動的に(生成|送信|作成)|配達できません)|.{0,60}(배달(하지 못|되지 않|할 수 없)|전송(하지 못|되지 않|할 수 없|에 실패)|반송되|전달(하지 못|되지 않|할 수 없))|.{0,80}(无法(投递|传递|送达|发送|到达)|未能(将|发送|送达|投递)|未送达|被退回|退信|投递失败|传递失败|無法(投遞|傳遞|送達|遞送|寄達)|未能傳送|傳遞失敗|不能送達))/iu,
  ],
];

/** A server's reply that refuses, in somebody's text. */
export const REPLY =
  /(^|[\s#(:])[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b|[\s(]#[45]\.\d{1,3}\.\d{1,3}\b|\b(said|says|reports|error|reply|response)\b.{0,40}\b[45]\d\d[ -]/iu;

/** What may be said of undelivered mail by a system or by a person. */
export const WORDS: readonly Phrase[] = [
  [
    'English',
    /\b(undeliver(able|ed)|(not|couldn't|could not|cannot|can't|never) (be |been |able to be )?(delivered|deliver)|unable to deliver|delivery .{0,40}(failed|failure|delayed|status)|failed to deliver|failed permanently|returned to sender|user (is )?unknown|unknown user|no such (user|mailbox|recipient)|mailbox (is )?(full|unavailable|not found)|does not exist|recipient (address )?rejected|message (was |has been )?(rejected|bounced|blocked|refused|quarantined)|permanent (fatal )?error|over quota|still being retried|will be retried|bounced)\b/iu,
  ],
  ['RFC 5321 §4.2, RFC 3463', REPLY],
];

/** Where the copy of the mail that is returned begins, at the beginning of a line. */
export const COPY_MARKS: readonly Phrase[] = [
  ['qmail, ezmlm', /^--- .{0,20}(below|enclosed|undelivered|the rest).{0,40}(copy|message|header|line)/imu],
  ['Exim', /^-{2,} this is a copy of .{0,40}message/imu],
  [
    'Sendmail, Gmail, Yahoo and others',
    /^(?!.{0,80}(?:transcript|address|recipient))[-*=_> ]{2,}(begin )?(message|mail|original|returned|unsent|undelivered|copy|start|text of|the header|included|here is your returned|received:? message|-)[ a-z:.'()]{0,60}(follows?|below|message|mail|headers?|truncated|suppressed|copy)\b/imu,
  ],
  [
    'IMail, MDaemon and others',
    /^(original message( text)? (follows|attached|headers?)|your (original )?message (follows|reads:?$)|old message|message text follows|included is a copy|a copy of (your|the) (original )?(message|mail)|the (first \d+ lines|headers?|text|body) of (your|the) (original )?(message|mail)|original (message )?headers?|ursprüngliche (nachricht|kopfzeilen)|ursprungshuvuden|en-têtes de message d'origine|message headers follow|-- the header|encabezados de mensaje originales)/imu,
  ],
  ['a header section', /^>? ?(return-path: ?<|received: (from|by) )/imu],
];

/** How the subject of an automatic reply begins. The colon is the software's: none of these is a way that people write. */
export const REPLY_SUBJECTS: readonly Phrase[] = [
  [
    'Exchange, Outlook, Gmail',
    /^(automatic (reply|response)|auto[- ]?(reply|response|responder)|automated (reply|response)|out[- ]of[- ](the[- ])?office([- :]*auto[- ]?reply| reply| notification| message)|autoreply)\s?[:：]/iu,
  ],
  [
    'in German, Dutch',
    /^(automatische (antwort|antwoord|beantwoording)|abwesenheits(notiz|nachricht|benachrichtigung|meldung|agent)|abwesend|automatisch antwoord|afwezigheidsbericht|autoantwort)\s?[:：]/iu,
  ],
  [
    'in Romance languages',
    /^(réponse automatique|message automatique d'absence|(respuesta|resposta) automática|risposta automatica|fuori sede|fuera de (la )?oficina|ausência temporária|răspuns automat|absence du bureau|notification d'absence)\s?[:：]/iu,
  ],
  [
    'in Scandinavian languages, Finnish',
    /^(auto(matiskt )?svar|automatisk (svar|besked)|autosvar|frånvaromeddelande|fraværsmelding|automaattinen vastaus|poissaoloilmoitus)\s?[:：]/iu,
  ],
  [
    'in Slavonic languages, Hungarian, Baltic languages',
    /^(automatyczna odpowiedź|odpowiedź automatyczna|automatická odpověď|automatická odpoveď|samodejni odgovor|automatski odgovor|автоматический ответ|автоответ|автоматична відповідь|автоматичен отговор|automatikus válasz|automātiskā atbilde|automatinis atsakymas|automaatvastus)\s?[:：]/iu,
  ],
  [
    'in Greek, Turkish, Hebrew, Arabic, Asian languages',
    /^(αυτόματη απάντηση|otomatik yanıt|מענה אוטומטי|תגובה אוטומטית|رد تلقائي|自動応答|自動返信|自动(答复|回复)|自動(回覆|答覆)|자동 (회신|응답))\s?[:：]/iu,
  ],
];

/** What may follow there: nothing, until when, or why. A report goes on with what it is about. */
const END = String.raw`\s*($|[(.!]|\d|(until|till|from|on|by|this|today|next|re|aw|bis|vom|von|ab|wegen|van|tot|wegens|du|de|le|jusqu|à partir|pour|até|fino|dal|desde|hasta|od|do|с|до|по)(?!\p{L}))`;
const absence = (words: string) => new RegExp(`^(${words})${END}`, 'iu');

/** How a person's own words for his absence begin a subject; a report is hardly called so. */
export const REPLY_OPENINGS: readonly Phrase[] = [
  ['English', /^OOO\b/u],
  [
    'English',
    absence(
      "(i('m| am) )?(currently )?(out of (the )?office|away|away from (my|the) (mail|e-?mail|office|desk)|(away )?on (vacation|holidays?|(annual |parental |maternity |sick )?leave|business))",
    ),
  ],
  [
    'in German, Dutch, Scandinavian languages',
    absence(
      '(bin )?(nicht im büro|abwesend|im urlaub|in urlaub|urlaub)|afwezig|met vakantie|op vakantie|på (semester|ferie|kurs)|frånvarande|fraværende|lomalla|poissa',
    ),
  ],
  [
    'in Romance languages',
    absence(
      '(je suis )?(en (congés?|vacances|arrêt)|absente?)|(estoy )?(de vacaciones|fuera de (la )?oficina)|(estou )?(de férias|ausente)|(sono )?(in ferie|fuori (sede|ufficio))|în concediu',
    ),
  ],
  [
    'in other languages',
    absence(
      'na urlopie|nieobecn[ya]|(jestem )?poza biurem|mimo kancelář|na dovolené|szabadságon|(я )?в отпуске|отсутствую|у відпустці|atvaļinājumā|atostogauju|puhkusel|σε άδεια|εκτός γραφείου|izindeyim|ofis dışında',
    ),
  ],
  ['in Japanese, Chinese, Korean', /^(休暇中|不在(のお知らせ|通知|連絡)|休假(中|通知)|外出(中|通知)|부재중|휴가 ?중)/u],
];

/** What people write as well: an automatic reply only where a header field says that a program answers. */
export const REPLY_WORDS: readonly Phrase[] = [
  [
    'English',
    /\b(auto(matic|mated)?[- ]?(reply|response|responder)|out of (the )?office|vacation|on (annual |parental |maternity )?leave|on holiday|away from (my|the|his|her) (mail|email|office|desk)|i am away|no longer (works?|employed|with)|absence|we have received your|thank you for (contacting|your (e-?mail|message)))\b/iu,
  ],
  [
    'other languages',
    /(abwesen|urlaub|nicht im büro|automatische|vacances|absent|congés|automatique|vacaciones|fuera de (la )?oficina|automátic|férias|ausente|ferie|assente|fuori (sede|ufficio)|automatica|vakantie|afwezig|semester|frånvar|ferie|fravær|loma|poissa|urlop|nieobecn|dovolen|nepřítom|szabadság|отпуск|отсутств|автоответ|atvaļinājum|atvalinājums|automātisk|atostog|puhkus|διακοπές|izin|otomatik|休暇|不在|自動|自动|休假|부재|자동)/iu,
  ],
];

export function matches(phrases: readonly Phrase[], text: string): boolean {
  return phrases.some(([, pattern]) => pattern.test(text));
}

/** Where the first of them begins, or -1. */
export function firstOf(phrases: readonly Phrase[], text: string): number {
  const found = phrases.map(([, pattern]) => text.search(pattern)).filter((at) => at >= 0);
  return found.length > 0 ? Math.min(...found) : -1;
}
