"""Words that decide whether a capitalised word is a person's name.

The given names are common ones of the languages the cues cover; they are asked only where the cue is weak ("I'm ...").
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w'-]+", text.casefold()))


GIVEN_NAMES = _words(
    """
    aaron abdul abigail adam aditi adrian agnes ahmed aisha alan albert alejandro alessandro alex alexander
    alexandra alice alina amanda amber amelia amir amit amy ana anastasia andre andrea andreas andrew angela
    anil anita anja ann anna anne annika anthony antonio anya arjun arthur ashley aurora ayşe barbara beatriz
    ben benjamin bernd bianca bob boris brandon brenda brian bruno camila camille carla carlos carmen caroline
    catherine cecilia charles charlotte chiara chloe chris christian christina christine christopher claire
    clara claudia connor cristina cynthia daniel daniela danielle david deborah deepak denis dennis diana
    diego dmitri dominik donald donna dorothy dylan eduardo edward elena eleanor eli elias elif elisa
    elizabeth ella emil emily emine emma enrique eric erik esther ethan eva evelyn fatima federico felix
    fernanda fernando finn fiona florian francesca francesco francisco frank franziska gabriel gabriela george
    gerald giorgia giovanni giulia gonzalo greta gustavo hannah hans harold harry hassan heather helen helena
    henrik henry hiroshi hugo ian ibrahim igor ines ingrid irene irina isaac isabel isabella ivan jack jacob
    jakob james jan jane jasmine jason javier jean jeff jennifer jens jessica jesús joan joanna joão joe
    johanna johannes john jonas jonathan jordan jorge josé josef joseph joshua juan julia julian julie karen
    karin karl karolina katarzyna kate katharina katherine kathleen katja katrin kavita kayla keisha keith
    kelly kenji kevin kim klaus kumar kyle lars laura lauren lea lena leo leon leonardo leonie lina linda lisa
    logan lorenzo louis louise luca lucas lucia lucy luis luisa lukas madison magdalena manuel marcel marco
    marcos margaret maria mariam marie marina mario marion mark marta martin martina mary mateo mateusz
    matheus matilda matteo matthew max maya megan mehmet melissa mia michael michał michelle miguel mikhail
    mila miriam mohamed mohammed monica moritz mustafa nadia naomi natalia natalie natasha nathan neha
    nicholas nicolas nicole nikhil nikolai nina noah nora oleg olga oliver olivia omar oscar pablo paolo
    patricia patrick paul paula paulo pavel pedro peter philip philipp pierre piotr pooja priya rachel rafael
    rahul raj ralf ramon raquel raymond rebecca renata ricardo richard robert roberto robin rodrigo roger
    rohan roland rosa ruth ryan sabine sabrina sally sam samantha samuel sandeep sandra sanjay santiago sara
    sarah scott sean sebastian sergei sergio shannon sharon shreya silvia simon simone sofia sofía sonia
    sophia sophie stefan stefanie stella stephanie stephen steve steven sunita susan susanne sven svetlana
    tamara tanja tara tatiana teresa theo theresa thiago thomas tim timothy tina tobias tom tomás tyler uwe
    valentina valeria vanessa vera veronica victor victoria vijay vikram vincent vincenzo virginia vladimir
    walter wei wendy werner william wolfgang xavier yannick yasmin yuki yulia yusuf zachary zoe алексей
    александр анна андрей дмитрий екатерина елена иван мария михаил наталья ольга павел сергей татьяна юлия
    """
)

# Words that start a sentence or follow a cue without being a name; assistants and what people call them.
NEVER_NAMES = _words(
    """
    a about afraid after again all also always am american an and another anxious any anyone are as asian at
    australian back bad because been black british but can canadian catholic chinese christian could currently
    de dear depressed do does done dutch en english es est et every everyone everybody exactly feeling fine
    for french friend from german german getting god going good gonna great guessing guys happy have he hello
    her here hey hi him his hispanic honestly how however i if in indian interested irish is ist it italian
    its japanese jewish just korean latino looking mad may me mexican muslim my never new next no none not
    nothing now of ok okay on one only or our please polish portuguese pretty ready really russian sad same
    she should sick since sir so some someone somebody sorry spanish still such sure sunday monday tuesday
    wednesday thursday friday saturday team thank thanks that the their then there they this those thinking
    tired to today tomorrow too trying turkish two und unknown unsure very was we well were what when where
    which while white who why will with without working would yes yesterday you your human user oa open
    someone's sugar ai alexa amazon anthropic assistant bard bing bot chatbot chatgpt claude copilot cortana
    customer dad everybody facebook gemini google gpt grok hiring jesus llama ma'am madam manager mom mum
    openai parents recruiter siri support january february march april june july august september october
    november december das der die du ein eine er es ich ihr kein nicht noch sehr sie wir una uno un une le la
    les el los las il lo gli o os as um uma mon ma mes
    """
)

# Names that are also words: alone and at the start of a sentence they prove nothing.
WORDS_TOO = _words(
    """
    april art august autumn bill brook chance charity chase christian crystal daisy dawn dean destiny drew
    duke earl eve faith forest frank gene glen grace grant guy harmony hazel heather holly hope hunter iris
    ivy jack jade jasmine joy june justice king lance lily long march mark may melody mercy miles misty nick
    olive page patience paris pearl penny pierce police prince queen ray reed rich river rob rose ruby rusty
    sage sandy scarlet sky star stone storm summer sunny trust victor violet wade ward will willow winter
    young
    """
)
