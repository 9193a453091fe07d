"""Word lists for normalisation: short, our own, easy to extend. English and US terms, like the data."""

from collections.abc import Mapping
from typing import Final


def _fold(groups: str) -> dict[str, str]:
    """Read lines `formal: nickname nickname ...` into nickname -> formal."""
    table: dict[str, str] = {}
    for line in groups.strip().splitlines():
        formal, _, short = line.partition(":")
        table.update(dict.fromkeys(short.split(), formal.strip()))
    return table


# A nickname of one formal name is folded to it. Other spellings of a name (Katherine) are folded too.
NICKNAMES: Final[Mapping[str, str]] = _fold("""
abigail: abby abbie
albert: al
alfred: alfie
amanda: mandy
andrew: andy
angela: angie
anna: ann anne annie
anthony: tony
arthur: art
barbara: barb babs barbie
benjamin: ben benny benji
bernard: bernie
beverly: bev
bradley: brad
catherine: katherine katharine kathryn cathryn
charles: charlie chuck chas charley
christina: christine kristina kristine tina
clifford: cliff
cynthia: cindy
daniel: dan danny
david: dave davey
deborah: deb debbie debra debby
dennis: denny
donald: don donnie
dorothy: dot dottie dolly
douglas: doug
eleanor: nell nellie
elizabeth: liz lizzie beth betsy betty eliza elisabeth libby
emily: emmy
eugene: gene
florence: flo flossie
francis: frank frankie
gabriel: gabe
gregory: greg gregg
harold: hal
henry: hank
isabella: bella isabel izzy
jacob: jake
jacqueline: jackie
james: jim jimmy
jeffrey: jeff geoffrey geoff
jennifer: jen jenny jenn
jessica: jess jessie
john: jack johnnie jon
joseph: joe joey
joshua: josh
judith: judy judi
kenneth: ken kenny
kimberly: kim kimmy
laura: laurie
lawrence: larry laurence
leonard: len lenny
lillian: lily lilly
louis: lou louie lewis
lucille: lucy
madeline: maddie maddy
margaret: maggie meg peg peggy marge margie
martin: marty
mary: molly polly
matthew: matt matty
megan: meghan
melissa: missy
michael: mike mick mickey mikey
michelle: shelly
mitchell: mitch
natalie: nat
nathan: nate
nicholas: nick nicky
nicole: nikki
norman: norm
oliver: ollie
olivia: liv
pamela: pam
peter: pete
philip: phil phillip
raymond: ray
rebecca: becky becca
richard: rick ricky dick rich richie
robert: rob bob bobby robbie
ronald: ron ronnie
russell: russ rusty
sarah: sara
scott: scotty
stephen: steve steven stevie
stanley: stan
susan: sue susie suzie suzy
sydney: syd
theodore: theo
thomas: tom tommy
timothy: tim timmy
valerie: val
victoria: vicky vicki tori
vincent: vince vinny
virginia: ginny
walter: walt wally
william: will bill billy willie
zachary: zach zack
""")

# A nickname of several formal names is not folded: it is similar to each of them, but they are not similar to each
# other.
AMBIGUOUS_NICKNAMES: Final[Mapping[str, frozenset[str]]] = {
    nickname: frozenset(formal.split())
    for nickname, formal in {
        "alex": "alexander alexandra alexis",
        "bert": "albert robert herbert bertram",
        "carrie": "caroline carolyn carol",
        "cathy": "catherine kathleen",
        "chris": "christopher christina christian",
        "drew": "andrew",
        "ed": "edward edwin edgar",
        "eddie": "edward edwin edgar",
        "ellie": "eleanor elizabeth ellen",
        "fran": "francis frances",
        "fred": "alfred frederick",
        "gerry": "gerald gerard geraldine",
        "gail": "abigail",
        "harry": "henry harold",
        "jamie": "james",
        "jan": "janet janice",
        "jerry": "gerald jerome jeremy",
        "jo": "joanne joan josephine",
        "johnny": "john jonathan",
        "kate": "catherine kathleen kaitlyn",
        "kathy": "catherine kathleen",
        "katie": "catherine kathleen kaitlyn",
        "kris": "kristen kristin christina christopher",
        "lori": "laura lorraine",
        "max": "maxwell maximilian maxine",
        "nora": "eleanor",
        "pat": "patrick patricia",
        "patty": "patricia",
        "rita": "margaret",
        "sally": "sarah",
        "sam": "samuel samantha",
        "sandy": "alexander alexandra sandra",
        "ted": "edward theodore",
        "teddy": "edward theodore",
        "teri": "teresa theresa",
        "terry": "terence terrence teresa theresa",
        "tess": "teresa theresa",
        "tricia": "patricia",
        "trish": "patricia",
        "liam": "william",
    }.items()
}

ADDRESS_WORDS: Final[Mapping[str, str]] = {
    **_fold("""
ave: avenue av
st: street str saint
rd: road
dr: drive drv
ln: lane
ct: court crt
pl: place
sq: square
hwy: highway
pkwy: parkway pky
ctr: center centre cntr
blvd: boulevard boul
cir: circle
ter: terrace terr
trl: trail
way: wy
expy: expressway
fwy: freeway
aly: alley
brg: bridge
mt: mount
mtn: mountain
ft: fort
hts: heights
jct: junction
rte: route
xing: crossing
vw: view
rdg: ridge
n: north
s: south
e: east
w: west
ne: northeast
nw: northwest
se: southeast
sw: southwest
"""),
    # Every form writes the word for a flat differently; only its number distinguishes two flats.
    **dict.fromkeys(("apartment", "apt", "unit", "suite", "ste", "flat", "number", "no", "num", "numero"), ""),
}

# Written without spaces: `newyork`.
STATE_CODES: Final[Mapping[str, str]] = _fold("""
AL: alabama
AK: alaska
AZ: arizona
AR: arkansas
CA: california
CO: colorado
CT: connecticut
DE: delaware
DC: districtofcolumbia
FL: florida
GA: georgia
HI: hawaii
ID: idaho
IL: illinois
IN: indiana
IA: iowa
KS: kansas
KY: kentucky
LA: louisiana
ME: maine
MD: maryland
MA: massachusetts
MI: michigan
MN: minnesota
MS: mississippi
MO: missouri
MT: montana
NE: nebraska
NV: nevada
NH: newhampshire
NJ: newjersey
NM: newmexico
NY: newyork
NC: northcarolina
ND: northdakota
OH: ohio
OK: oklahoma
OR: oregon
PA: pennsylvania
PR: puertorico
RI: rhodeisland
SC: southcarolina
SD: southdakota
TN: tennessee
TX: texas
UT: utah
VT: vermont
VA: virginia
WA: washington
WV: westvirginia
WI: wisconsin
WY: wyoming
""")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Domains that people type to get past a form. example.com and example.org are not listed: they are reserved for
# fictional people, and the people of the demonstration use them.
PLACEHOLDER_DOMAINS: Final = _words("""
    test.com test.org none.com noemail.com email.com domain.com abc.com xyz.com asdf.com mailinator.com
""")
PLACEHOLDER_MAILBOXES: Final = _words("""
    test tests tester testing none noemail nomail null unknown anonymous customer nobody noone asdf qwerty abc
    email mail user name firstname.lastname declined refused donotemail
""")
ROLE_MAILBOXES: Final = _words("""
    info support admin sales contact office help helpdesk service webmaster postmaster hostmaster abuse noreply
    no-reply donotreply do-not-reply billing team hello orders marketing hr jobs privacy security root frontdesk
    reception store shop returns accounts
""")
PLACEHOLDER_NAMES: Final = _words("""
    test testing tester customer unknown anonymous undefined noname nobody valued user firstname
    lastname asdf qwerty xyz newcustomer walkin donotuse deleted
""")
TITLES: Final = _words("mr mrs ms miss mx dr prof sir madam")
# Name suffixes and their generation. `jr` and `ii` differ: a `jr` is his father's son, a `ii` may be a nephew.
GENERATIONS: Final[Mapping[str, str]] = {
    "sr": "sr",
    "senior": "sr",
    "jr": "jr",
    "jnr": "jr",
    "junior": "jr",
    **{number: number for number in ("ii", "iii", "iv")},
}
NAME_SUFFIXES: Final = frozenset(GENERATIONS) | _words("phd md")

# Countries as people and systems write them, besides two-letter codes. Without spaces: `newzealand`.
COUNTRY_CODES: Final[Mapping[str, str]] = _fold("""
AT: aut austria oesterreich osterreich
AU: aus australia
BE: bel belgium belgique belgie
BR: bra brazil brasil
CA: can canada
CH: che switzerland schweiz suisse svizzera
CN: chn china
CZ: cze czechia czechrepublic
DE: deu ger germany deutschland
DK: dnk denmark danmark
ES: esp spain espana
FI: fin finland suomi
FR: fra france
GB: gbr uk unitedkingdom greatbritain england scotland wales
HU: hun hungary magyarorszag
IE: irl ireland
IL: isr israel
IN: ind india
IT: ita italy italia
JP: jpn japan
KR: kor korea southkorea
LI: lie liechtenstein
LU: lux luxembourg
MX: mex mexico
NL: nld netherlands nederland holland
NO: nor norway norge
NZ: nzl newzealand
PL: pol poland polska
PT: prt portugal
RU: rus russia russianfederation rossiya
SE: swe sweden sverige
TR: tur turkey turkiye
UA: ukr ukraine
US: usa unitedstates unitedstatesofamerica america
ZA: zaf southafrica
""")

# Number of digits in a country's postal codes, if they consist of digits only. Spreadsheets drop leading zeros.
POSTAL_CODE_DIGITS: Final[Mapping[str, int]] = {
    country: digits
    for digits, countries in {
        3: "IS",
        4: "AT AU BE CH DK HU LI LU NO NZ PT SI ZA",
        5: "CZ DE EE ES FI FR GR HR IT KR LT MX MY RS SA SK SE TH TR UA US",
        6: "BY CN IN KZ RO RU SG VN",
        7: "IL JP",
        8: "BR",
    }.items()
    for country in countries.split()
}

# Prefixes that name the country of a postal code: vehicle registration codes and two-letter codes.
POSTAL_PREFIXES: Final[Mapping[str, str]] = {
    **{"A": "AT", "B": "BE", "D": "DE", "E": "ES", "F": "FR", "FIN": "FI", "FL": "LI", "H": "HU", "I": "IT"},
    **{"L": "LU", "N": "NO", "P": "PT", "S": "SE", "SLO": "SI"},
    **{country: country for country in POSTAL_CODE_DIGITS},
    "NL": "NL",
    "LV": "LV",
    "PL": "PL",
}
