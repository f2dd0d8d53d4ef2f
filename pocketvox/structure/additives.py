"""Components that are in a crystal for its own sake, or belong to the protein: not ligands.

Codes of the Chemical Component Dictionary. Sources of the lists: the additive and ion lists of the structure-based
data sets BioLiP (doi:10.1093/nar/gks966), PLINDER (doi:10.1101/2024.07.17.603955) and Binding MOAD
(doi:10.1002/prot.20512) as to their ideas, and the composition of common crystallisation screens (Hampton Research
Crystal Screen, PEG/Ion; Molecular Dimensions JCSG+, Morpheus). A molecule that is often a real ligand (citrate in
citrate synthase, glucose in a glucose-binding protein) is listed only where additive use prevails; ``--around``
overrides any of this.
"""

from __future__ import annotations

#: Buffers: what keeps the pH.
BUFFERS = frozenset(
    "TRS EPE MES MPO BTB B3P BCN TAM PO4 PI 2HP CAC CIT FLC ACT ACY FMT TAR TLA SRT MLA MLI SIN IMD BCT CO3 NHE "
    "CXS BO3 BO4 TEA HEZ PIN 1PS 144 AZI MRY T3A POP".split()
)

#: Cryo-protectants, precipitants and solvents.
PRECIPITANTS = frozenset(
    "GOL EDO PGO PGR PDO MPD MRD PEG PG4 PGE 1PE P6G PE3 PE4 PE5 PE6 PE7 PE8 P33 2PE 12P 15P XPE PEU 7PE PG0 PG5 "
    "PG6 M2M P4G P3G 1PG ETE TOE C8E 6JZ DMS DMF DMN EOH MOH IPA POL PGQ BU1 BU2 BU3 BUD 1BO TBU ACN CCN DIO EGL "
    "MEE NMO DTT DTV DTU BME TFA TCE UNX ARF EEE OXL URE GAI HED SGM TRE SUC JEF PEO OXY O2 CO2 NO H2S XE "
    "KR AR CMO".split()
)

#: Detergents, lipids and fatty acids of membranes and mesophases.
LIPIDS = frozenset(
    "LDA BOG BNG HTG LMT LMU UMQ DMU D10 D12 DD9 OCT C14 UND R16 HP6 MYS TWT LNK DAO MYR PLM STE OLA OLB OLC MPG "
    "1O2 PEE PEF PEH PTY PGV PGW PGT LHG PEK CDL PC1 PCW PCF POV PLC PX4 LPP LPE 3PE 3PH CPL DGD LMG LMN SQD PSC "
    "17F 44E CLR CPS Y01 SDS DDQ DET HEX SPD SPM C10 CXE LI1 L2P L3P L4P Z41 D21 PII PIE PIO T7X AJP LFA P5S LOP "
    "PA8 PEV DPV 6PL DGA EPH HTO TRD OCA KNA DKA F09 BGL MC3 SOG".split()
)

#: Lipids under the names of simulation files (CHARMM36).
SIMULATION_LIPIDS = frozenset(
    "POPC POPE POPS POPG POPA POPI DOPC DOPE DOPS DPPC DPPE DMPC DLPC DSPC CHL1 CHOL SAPI".split()
)

#: Tails of AMBER Lipid21, which makes residues of a lipid's head and tails: they tell the whole group a lipid.
LIPID_TAILS = frozenset("PA OL MY ST SA".split())

#: Ions of more than one atom and halides.
IONS = frozenset(
    "SO4 SO3 NO3 NO2 CL BR IOD F FLO NH4 PER CLO PO3 VO4 ALF BEF MGF AF3 MOO WO4 SCN CYN LCP BF4 SEO SE4 TMA ETA "
    "TAU WO3 CN OH HDZ".split()
)

#: Everything above.
ADDITIVES = BUFFERS | PRECIPITANTS | LIPIDS | SIMULATION_LIPIDS | IONS

#: Groups that belong to the protein as much as its side chains: kept in the receptor.
PROSTHETIC = frozenset(
    # haems, other metal tetrapyrroles, chlorophylls, cobalamins
    "HEM HEC HEA HEB HAS HDD HDM HDE DHE HEV HES HIF SRM VEA VER ISW COH HNI MH0 ZNH CLN FDE HCO HP5 6HE FEC F43 "
    "M43 CLA CHL CL0 CL1 CL2 CL7 BCL BCB BPB BPH PHO PMR B12 CNC COB COY B1M "
    # iron-sulfur and other clusters
    "SF4 FES F3S FS1 FS2 FS3 FS4 FSX FEO FE9 S3F CLF CFM CFN ICS ICE ICZ CLP XCC WCC NFS NFU FCO 1CL 8P8 "
    "MGD MTE PCD MSS MOM MTV CUA CUZ "
    "CUB OEX OEC OEY C2O "
    # light harvesting and vision, when free in the protein
    "BCR LUT LUX XAT NEX PID RG1 SPO SPN".split()
)

#: Kept in the receptor when covalently bound to it (otherwise ordinary ligands): enzyme cofactors and chromophores.
PROSTHETIC_IF_BOUND = frozenset(
    "PLP PMP PLR PXP RET BTN BTI PNS PN7 LPA FAD FMN FNS TPQ CYC PEB PUB BLA BLV LBV LBW PVN DBV VRB CR2 CRO HC4 "
    "PQQ TDP TPP MYR PLM FAR GER".split()
)

#: Cofactors and nucleotides: part of the receptor's surroundings when another ligand is named by the user.
COFACTORS = frozenset(
    "NAD NAP NDP NAI NAJ TXP A3D TAP FAD FDA FMN FNR RBF SAM SAH COA ACO AMP ADP ATP ANP ACP AGS APC GDP GTP GNP GSP "
    "GCP GMP UDP UTP CDP CTP TTP TDP TPP PLP PMP BTN GSH H4B HBI THG THF U10 UQ1 UQ2 PQQ MGD MTE LPA".split()
)

#: Sugars: covalently bound to Asn, Ser or Thr they are glycosylation, not ligands.
SUGARS = frozenset(
    "NAG NDG BMA MAN BGC GLC GAL GLA FUC FUL FUB FCA FCB XYS XYP SIA SLB NGA A2G NAN GCU BDP IDS SGN RAM RM4 ARA "
    "ARB AHR GUP G6D GCS NGZ NGK BM3 KDO GMH TYV ABE BNX NG1 X2F GXL LXB LXC Z9N FRU RIB XYZ MBG MMA MAG GZL".split()
)

#: Metals of cofactors: an unlisted molecule that holds one stays in the receptor; other metal complexes are ignored.
BIOLOGICAL_METALS = frozenset("Mg V Mn Fe Co Ni Cu Zn Mo W".split())

#: Elements that stay in the receptor as single atoms.
METALS = frozenset(
    "Li Be Na Mg Al K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Cs "
    "Ba La Ce Pr Nd "
    "Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Th U".split()
)
