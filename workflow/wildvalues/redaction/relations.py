"""Words for the people around somebody, in the languages of common logs: "my sister", "mon copain", "mi jefa".

A name that follows one of them is a private person's.
"""

from __future__ import annotations

ENGLISH = (
    r"friend|best friend|girlfriend|boyfriend|gf|bf|bff|wife|husband|hubby|fianc[ée]e?|partner|ex|boss|manager|coworker"
    r"|co-worker|colleague|supervisor|roommate|flatmate|neighbou?r|landlord|landlady|teacher|professor|therapist"
    r"|counsell?or|doctor|lawyer|mother|mom|mum|father|dad|brother|sister|son|daughter|kid|cousin|aunt|uncle|niece"
    r"|nephew|grandma|grandpa|grandmother|grandfather|client|patient|student|employee|assistant|tenant|crush"
)
# What stands before a name like a title.
KIN = (
    r"aunt(?:ie|y)?|uncle|grandma|grandpa|granny|cousin|coach|officer|nurse|tante|onkel|tía|tío|zia|zio|tia|tio|dona"
    r"|doña"
)

_ROMANCE_KIN = (
    # French
    r"(?:mon|ma|notre)\s(?:meilleure?\s)?(?:copain|copine|amie?|pote|mari|femme|frère|s(?:œ|oe)ur|mère|père|fils|fille"
    r"|chef(?:fe)?|patronn?e?|collègue|voisine?|cousine?|oncle|tante|prof|coloc|ex)"
    # Spanish
    r"|(?:mi|nuestr[oa])\s(?:mejor\s)?(?:novi[oa]|amig[oa]|marido|espos[oa]|mujer|herman[oa]|madre|padre|mamá|papá|hij[oa]"
    r"|jef[ea]|compañer[oa]|compa|vecin[oa]|prim[oa]|tí[oa]|abuel[oa]|profesora?|caser[oa]|ex)"
    # Italian
    r"|(?:mio|mia|nostr[oa])\s(?:ragazz[oa]|amic[oa]|marito|moglie|fratello|sorella|madre|padre|figli[oa]|capo|collega"
    r"|vicin[oa]|cugin[oa]|zi[oa]|nonn[oa]|prof|compagn[oa]|coinquilin[oa]|ex)"
    # Portuguese
    r"|(?:meu|minha|noss[oa])\s(?:namorad[oa]|amig[oa]|marido|esposa|mulher|irmão|irmã|mãe|pai|filh[oa]|chefe|colega"
    r"|vizinh[oa]|prim[oa]|ti[oa]|av[óô]|patrão|ex)(?:\sdona)?"
)
_NORTHERN_KIN = (
    # Dutch
    r"(?:mijn|m'n|onze)\s(?:vriend(?:in)?|man|vrouw|broer|zus|moeder|vader|zoon|dochter|baas|collega|buurman|buurvrouw"
    r"|oma|opa|ex)"
    # Swedish, Danish, Norwegian
    r"|(?:min|vår|vores)\s(?:sambo|vän|kompis|pojkvän|flickvän|man|fru|bror|s[yø]ster|mamma|pappa|mor|far|son|søn|dotter"
    r"|datter|chef|sjef|kollega|granne|nabo|kæreste|kjæreste|ven|venn|ex)"
    # Polish
    r"|(?:mój|moja|mojego|moją|mojej|moim)\s(?:chłopak|dziewczyna|mąż|żona|brat|siostra|syn|córka|szef(?:owa)?|kolega"
    r"|koleżanka|przyjaciel|przyjaciółka|sąsiad(?:ka)?)"
    # Turkish
    r"|kocam|karım|sevgilim|arkadaşım|kardeşim|annem|babam|oğlum|kızım|patronum|komşum"
    # Russian; the possessive is often left out
    r"|муж|жена|подруга|друг|брат|сестра|сын|дочь|дочка|начальник|начальница|сосед(?:ка)?|коллега|парень|девушка"
)
# In these languages only names, or sentence beginnings, are written with a capital.
CAPITALS_ARE_NAMES = rf"{_ROMANCE_KIN}|{_NORTHERN_KIN}"
# In German every noun is: what follows has to be a known given name.
GERMAN = (
    r"(?:mein|unser|dein|sein|ihr)(?:e[rmns]?)?\s(?:beste[rn]?\s)?(?:freund(?:in)?|bruder|schwester|mutter|vater|mann|frau"
    r"|chef(?:in)?|kolleg(?:e|in)|nachbar(?:in)?|sohn|tochter|mitbewohner(?:in)?|ex|oma|opa|onkel|tante|cousine?"
    r"|lehrer(?:in)?|vermieter(?:in)?)"
)
