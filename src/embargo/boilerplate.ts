import { wordsIn } from './shingles.ts';

/**
 * Words that say little about what a text is on: of English, of mail, of security notices, of programs. What consists of them alone is
 * written every day.
 */
const COMMON = `
a about above access according affected affects after against all allow allowed allowing allows along already also although always an and another any
anyone are arbitrary as ask at attack attacker attackers attacks author authored authors available be because been before being below between both bug bugs but by call
called calls can cannot case cause caused causes causing certain change changed changelog changes check checked checking checks code com
com command commit component condition conditions contact contain contains content could crafted crash credit critical current currently cve cvss cwe data date
day days default denial description details different disclosed disclosure discovered do does done dos due during each either
email embargo enabled end error errors even every example execute execution exploit exploited file files first fix fixed fixes following follows for
forthcoming found free from full function functions get given gives git github going had handling has have high how however http https if
impact important improper in incorrect incorrectly information input insufficient integer into invalid is issue issues it its just kind know known
later lead leads least leave less let level like likely line lines list local low made mail mailing main maintainer maintainers make makes malicious may means
medium memory might missing mitigation more most must name need needs network new no not note notice notify now null number of off on once one only open
option or org os other our out over overflow own package packages page part patch patched patches people please point possible possibly potential
potentially present prior privilege privileges problem process product project properly provide provided public publicly question read reading reason
received regards release released releases remote remotely report reported reporter request requests require required requires resulting results run
running same second security see sent server service set severity several should signed since size small so some source specially specific such
support supported system team terms test than thank thanks that the their them then there these they this those through time to too tracked
two under unless until untrusted up update updated updates upgrade upstream us use used user users using valid value values vector vendor version versions very via vulnerabilities
vulnerability vulnerable was way we web well were what when where whether which while who will with within without work workaround would write www yes yet you your
i me my he she his her re fwd cc date from subject sent wrote hi hello dear best greetings cheers
am pm mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
october november december jan feb mar apr jun jul aug sep oct nov dec utc gmt
char const static void int long short unsigned signed bool true false nullptr none nil self struct enum union typedef sizeof return else elif goto switch break
continue default var def func fn let mut pub import export include define ifdef ifndef endif async await throw throws catch try new delete class interface extends
string str buf buffer len length ptr ctx err ret res val tmp idx key obj arg args msg count index array list map type types out err log print printf printk error warn info debug
assert expect equal describe it test todo fixme param returns deprecated copyright license licensed
b c d e f g h j k l m n o p q r s t u v w x y z
`;

const common = new Set(wordsIn(COMMON));

export function isCommon(word: number): boolean {
  return common.has(word);
}

/** Texts that stand in what has nothing else in common: licences, footers, what notices say of every vulnerability. */
export const STANDING: readonly string[] = [
  `Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with the License. You may
obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0. Unless required by applicable law or agreed to in writing,
software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or
implied. See the License for the specific language governing permissions and limitations under the License. Licensed to the Apache Software Foundation (ASF) under one or more contributor license agreements. See the
NOTICE file distributed with this work for additional information regarding copyright ownership. The ASF licenses this file to You under the Apache License, Version 2.0`,
  `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the
following conditions: The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
  `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the
above copyright notice and this permission notice appear in all copies. THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL
WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE
LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS,
WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.`,
  `All rights reserved. Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met: 1.
Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer. 2.
Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
documentation and/or other materials provided with the distribution. 3. Neither the name of the copyright holder nor the names of its
contributors may be used to endorse or promote products derived from this software without specific prior written permission. THIS SOFTWARE
IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF
LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE. THIS SOFTWARE IS PROVIDED BY THE REGENTS AND CONTRIBUTORS "AS IS". IN NO EVENT SHALL THE REGENTS OR CONTRIBUTORS BE LIABLE`,
  `This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License as published by
the Free Software Foundation; either version 2 of the License, or (at your option) any later version. This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License version 2 only, as published by the Free Software Foundation. This library is free software; you can redistribute it and/or modify it under the terms of the GNU Lesser General Public License as published by the Free Software Foundation. This program is distributed in the hope
that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.
See the GNU General Public License for more details. See the GNU Lesser General Public License for more details. You should have received a copy of the GNU General Public License along with this program;
if not, write to the Free Software Foundation, Inc., 51 Franklin Street, Fifth Floor, Boston, MA 02110-1301 USA. If not, see <https://www.gnu.org/licenses/>.`,
  `This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy of the MPL was not distributed with this
file, You can obtain one at http://mozilla.org/MPL/2.0/. SPDX-License-Identifier: GPL-2.0-or-later. Use of this source code is governed by a BSD-style license that can be found in the LICENSE file.`,
  `This e-mail and any attachments may contain confidential and privileged information and is intended only for the person or entity to which
it is addressed. If you are not the intended recipient, please notify the sender immediately by return e-mail, delete this e-mail and destroy any
copies. Any dissemination or use of this information by a person other than the intended recipient is unauthorized and may be illegal. If you have received this email in error please notify the system manager.`,
  `To unsubscribe from this list: send the line "unsubscribe" in the body of a message to majordomo@vger.kernel.org. More majordomo info at
http://vger.kernel.org/majordomo-info.html. You received this message because you are subscribed to the Google Groups group. To unsubscribe from this group and stop receiving emails from it, send an email to.`,
  `Common Vulnerability Scoring System base score attack vector network attack complexity low privileges required none user interaction none
scope unchanged confidentiality integrity availability impact high. We recommend that you upgrade your packages. For the detailed security status please refer to its security tracker page.
Further information about security advisories, how to apply these updates to your system and frequently asked questions can be found at. The Common Vulnerabilities and Exposures project identifies the following problems.
An attacker could possibly use this issue to cause a denial of service or possibly execute arbitrary code with the privileges of the user invoking the program. If a user or automated system were tricked into opening a specially
crafted file, a remote attacker could cause the application to crash, resulting in a denial of service, or possibly execute arbitrary code.
allows remote attackers to bypass intended access restrictions, obtain sensitive information from process memory, heap-based buffer overflow, stack-based buffer overflow, out-of-bounds read, out-of-bounds write, use-after-free, NULL pointer dereference and application crash,
allows local users to gain privileges or cause a denial of service, kernel panic, system crash, infinite loop and CPU consumption, memory corruption, via a crafted HTTP request, crafted packet, crafted web site or unspecified vectors`,
  `Please do not share this outside of your organisation before the embargo is lifted. This information is under embargo until. Do not disclose, discuss in public, or deploy before. Signed-off-by Reviewed-by Acked-by Tested-by Reported-by Suggested-by Co-authored-by Cc stable@vger.kernel.org cherry picked from commit`,
];

/** Who wrote what when, above his words; fields of a mail that somebody forwards, but for its subject. */
const ATTRIBUTION =
  /^(?:on .{5,200} wrote:|le .{5,200} a écrit\s*:|am .{5,200} schrieb .{1,200}:|.{1,200} (?:wrote|writes|schrieb):|-+ ?(?:original message|forwarded message|begin forwarded).*|(?:from|to|cc|bcc|reply-to|sender|date|sent|message-id|in-reply-to|references|list-id|user-agent|x-[a-z-]+|received|return-path):.*)$/i;
/** After these stands who somebody is, and not what he says. */
const CLOSING =
  /^(?:--|(?:(?:kind|best|warm|with (?:kind|best)) )?(?:regards|wishes)|thanks(?: again| a lot)?|thank you|cheers|sincerely|yours|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|(?:beste|viele|liebe) gr(?:ü|ue)(?:ß|ss)e)[ ,.!]*$/i;
const RULE = /^[_=*-]{20,}$/;
const FOOTER = /mailing list|unsubscribe|subscribed|mailman|list(?:s\.|info)|confidential|intended recipient/i;
const ARMOR = /^-----(BEGIN|END) [A-Z ]{3,40}-----$/;

/** Lines of a signature or a footer. */
const MOST_SIGNED = 12;

/**
 * A text without what its writers always write: signatures, footers of lists, who wrote what, armor. Each stands at one depth of
 * quotation, and ends with it.
 */
export function withoutFurniture(text: string): string {
  const kept: string[] = [];
  let skipped = 0;
  let skippedAt = '';
  let inArmor = false;
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  for (const [at, whole] of lines.entries()) {
    const [quote = ''] = /^[>| \t]{0,100}/.exec(whole) ?? [];
    const depth = quote.replace(/\s/g, '');
    const line = whole.slice(quote.length).trimEnd();
    const armor = ARMOR.exec(line)?.[1];
    if (armor && !/SIGNED MESSAGE/.test(line)) inArmor = armor === 'BEGIN';
    if (skipped > 0 && depth !== skippedAt) skipped = 0;
    if (CLOSING.test(line) || (RULE.test(line) && FOOTER.test(lines.slice(at + 1, at + 1 + MOST_SIGNED).join(' ')))) {
      skipped = MOST_SIGNED;
      skippedAt = depth;
    }
    if (skipped-- > 0 || inArmor || armor || ATTRIBUTION.test(line)) continue;
    kept.push(line);
  }
  return kept.join('\n');
}
