"""Words that decide whether a capitalised word is a person's name.

The given names are common ones of the languages the cues cover; they are asked only where the cue is weak ("I'm ...").
"""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """Return the words of a list written as text, in lower case."""
    return frozenset(re.findall(r"[\w'-]+", text.casefold()))


GIVEN_NAMES = words(
    """
    aaron abdul abena abigail achim adaeze adam adele aditi adrian adriana agnes agnieszka agustín ahmed ahmet aicha
    aiko aisha akira alain alan alba albert aldo alejandra alejandro aleksandra alessandra alessandro alex alexander
    alexandra alexis alfredo ali alice alicia alina alisha alma alva amanda amara amber amelia amelie amina amir
    amit amy ana anastasia anders andre andrea andreas andrew andrzej andré andrés angel angela angelo angus anil
    anita anja ann anna anne annette annika anouk anthony antoine anton antonella antonia antonio anwar anya aoife
    arjun arne arthur arturo asha ashley astrid aurora aurélie aurélien ava axel ayesha aylin ayşe baptiste barbara
    bart bartosz bas basia bea beata beate beatriz ben bengt benjamin benoît bernardo bernd bert bianca birgit björn
    bob bogdan boris bram brandon brenda brian britta bruno burak caio callum camila camille carina carla carlo
    carlos carmen carol carolina caroline caterina catherine cecilia celeste celine charles charlie charlotte
    chiamaka chiara chidi chloe chris christa christian christina christine christoph christopher ciara claire clara
    claude claudia claudio clémence clément colin connor corinna craig cristian cristiano cristina cynthia dagmar
    dan dana daniel daniela danielle danilo dario darren dave david davide debbie deborah deepak delphine denis
    denise dennis derek detlef devon diana diego dieter dina dirk divya dmitri dolores dominic dominik dominique
    donald donna dora doris dorothea dorothy dylan eda edith edna eduardo edward efua eileen ekaterina eleanor elena
    eleni eli elias elif elisa elizabeth ella eloise emeka emil emilia emilie emilio emily emine emma emre enrique
    enzo eric erica erik erin ernesto esteban estelle esther ethan eugene eugenia eva evan evelyn fabian fabio
    fabrice farah fatima fatma federico felix femi femke fernanda fernando filip filippo finn fiona flavia florence
    florian floriane flávio folke francesca francesco francine francis francisco franco frank franziska françois
    françoise fred freya frida friederike gabi gabriel gabriela gabriella garry gemma geoff georg george gerald gerd
    gerda gianluca gilles gina giorgia giorgio giovanni giulia giuseppe gonzalo gordon graham grazia greg gregor
    greta guido guillaume guillermo gunnar gustavo guus gökhan günther hana hannah hans harald harold harriet harry
    hassan hatice heather heidi heike heinz helen helena helga henriette henrik henry herbert hilda hiroshi holger
    horst hugo hülya ian ibrahim ida igor iker ilaria ilse imani imogen ines inge ingo ingrid inka irene irina irma
    isa isaac isabel isabella isabelle isaiah ivan iván iwona izabela iñaki jaap jacek jack jackie jacob jacques
    jade jaime jakob james jan jan-willem jana jane janet janina janine jarek jasmine jason jasper javier jean jeff
    jelle jenna jennifer jenny jens jeremy jesper jessica jesús jill jim joan joana joanna joanne jochen joe johan
    johann johanna johannes john jolanta jon jonah jonas jonathan jordan jordi jorge jos josef josefine joseph
    joshua josie josé joyce joão juan julia julian juliana juliane julie juliette jutta jérôme jörg jürgen kaan kai
    kamil karen karim karin karl karolina karsten katarzyna kate katharina katherine kathleen kathrin katja katrin
    katy kavita kayla kazuki keiko keisha keith kelly ken kenji kerstin kevin kim kirsten klaus kofi konrad kristen
    kristin kristina krzysztof kumar kurt kwame kyle lara larissa larry lars laura lauren laurence laurent lea leah
    leila lena lennart leo leon leonardo leonie leticia levi liam lidia lieke lilian lina linda linh lisa lisbeth
    liv livia logan lola lorena lorenzo lotte louis louise luana luca lucas lucia luciana luciano lucie lucy ludwig
    luigi luis luisa luiz lukas lukasz luke lutz luz lynn maarten madison mads mael mafalda magda magdalena maite
    maja malik malte manfred manuel manuela marc marcel marcela marcin marco marcos mareike margaret margarida
    margot maria mariam mariana marianne marie marieke marika marin marina mario marion marisol marit marjan mark
    markus marlene marlies marta martha martin martina martine mary mateo mateusz matheus mathieu mathilde matilda
    matt matteo matthew matthias maud maurice mauricio maurizio max maya megan mehmet mei meike melanie melissa
    mercedes merle merve mette mia michael michał michelle mickael miguel mika mikael mike mikhail mila milan milena
    mina minh minna miriam mirjam miroslav mitch mohamed mohammed moira molly mona monica montse morgan moritz
    morten mustafa myriam nadia nadja nancy naoko naomi natalia natalie natasha nathalie nathan neha neil nele
    nelson nerea ngozi niamh nicholas nicola nicolas nicole niels nigel nikhil nikita nikolai nils nina nisha noah
    noel nora nuno nuria ole oleg olga oliver olivia olivier oliwia omar onur orla oscar oskar osman otto pablo
    paola paolo pascal pat patrice patricia patrick patrik paul paula pauline paulo pavel paweł pedro peggy per
    peter petra phil philip philipp pia pierre piet pieter pilar piotr pooja priya priyanka quentin rachel rachid
    radek rafael rafaela rafał rahul raj ralf ralph ramon ramona rania raphael raquel rasmus raul raymond rebecca
    reiner reinhard remi renata renate renaud rené rhys ricardo riccardo richard rita robert roberta roberto robin
    rocío rodrigo roger rohan rohit roland roman ronald ronja rosa rosario rosie ross roxana ruben rudolf rui ruth
    ryan saad sabina sabine sabrina sakura sally salma salvatore sam samantha samuel sandeep sander sandra sandro
    sanjay sanne santi santiago sara sarah sascha saskia satoshi scott sean sebastian sebastián selim selin serena
    serge sergei sergey sergio shane shannon sharon sheila shirin shreya siegfried sigrid silke silvana silvia simon
    simona simone simran sinead siobhan sofia sofie sofía solveig sonia sophia sophie soraya stacy stefan stefania
    stefanie steffen steffi stella stephan stephanie stephen steve steven stuart stéphane stéphanie sue suki sunita
    susan susana susann susanne suzanne sven svetlana sybille sylvia sylvie sébastien tadeusz takeshi tamara tanja
    tanya tara tariq tatiana tatjana teresa tessa thea theo theresa thiago thibault thomas thorsten théo thérèse
    tiago till tim timo timothy tina tine tobias tom tomás toni torsten tracy trevor tristan tuncay tyler ulla
    ulrich ulrike ursula uwe valentina valeria vanesa vanessa vera veronica victor victoria vijay vikram vince
    vincent vincenzo virginia vivian vladimir volker walter waltraud wanda wei wendelin wendy werner wes wiebke
    wilhelm willem william wim wojciech wolfgang xavier xenia xiomara yann yannick yara yasemin yasmin yasmine
    yiannis yosef yuki yulia yusuf yvette yvonne zachary zainab zara zeynep zoe zofia zoë zsófia élodie özge
    александр александра алексей алёна анастасия андрей анна антон артём валентина василий вера виктор виктория
    галина григорий денис дмитрий евгений екатерина елена жанна иван игорь илья инна ирина кирилл ксения лариса
    людмила максим марина мария михаил надежда наталья никита николай оксана олег ольга павел полина роман светлана
    сергей софия тамара татьяна фёдор юлия
    """
)

# Words that start a sentence or follow a cue without being a name; assistants and what people call them.
NEVER_NAMES = words(
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
WORDS_TOO = words(
    """
    april art august autumn bill brook chance charity chase christian crystal daisy dawn dean destiny drew
    duke earl eve faith forest frank gene glen grace grant guy harmony hazel heather holly hope hunter iris
    ivy jack jade jasmine joy june justice king lance lily long march mark may melody mercy miles misty nick
    olive page patience paris pearl penny pierce police prince queen ray reed rich river rob rose ruby rusty
    sage sandy scarlet sky star stone storm summer sunny trust victor violet wade ward will willow winter
    young
    """
)
